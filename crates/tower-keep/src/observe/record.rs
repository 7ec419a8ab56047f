//! Which call the running code works for, where somebody wants to know what became of it.

use std::{
    cell::{Cell, RefCell},
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::{pin_project, pinned_drop};

use super::{Decision, Event, emitter};
use crate::common::{
    local::thread_local,
    statics::{AtomicBool, Relaxed},
    until,
};

/// Whether any call was ever recorded. A hint: it spares all others the look at the thread.
static EVER: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: RefCell<Option<Decision>> = const { RefCell::new(None) };
    /// The attempt that is being polled; 0 is none.
    static ATTEMPT: Cell<u32> = const { Cell::new(0) };
}

/// From now on calls are recorded.
pub(super) fn begin() {
    EVER.store(true, Relaxed);
    emitter::calls_are_wanted();
}

/// Whether the call that is being polled is recorded.
#[inline]
pub(crate) fn is_recording() -> bool {
    EVER.load(Relaxed) && is_recording_here()
}

fn is_recording_here() -> bool {
    // A thread that is being torn down works for no call.
    CURRENT
        .try_with(|current| current.borrow().is_some())
        .unwrap_or(false)
}

/// The record of the call that is being polled.
pub(super) fn current() -> Option<Decision> {
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// Writes an event down, in the record of the call that it happened to.
pub(super) fn note(event: &Event) {
    let attempt = ATTEMPT.try_with(Cell::get).unwrap_or(0);
    let _ = CURRENT.try_with(|current| {
        if let Some(decision) = &*current.borrow() {
            decision.note(event, attempt);
        }
    });
}

/// Runs `work`, which is written down in the record in `slot`; or just runs it if there is none.
///
/// The record moves into the thread's place and back, so nothing is counted or allocated. A panic of
/// `work` restores both.
#[inline]
pub(crate) fn recording<R>(slot: &mut Option<Decision>, work: impl FnOnce() -> R) -> R {
    if slot.is_none() {
        return work();
    }
    record_in(slot, work)
}

#[inline(never)]
fn record_in<R>(slot: &mut Option<Decision>, work: impl FnOnce() -> R) -> R {
    struct Restore<'a>(&'a mut Option<Decision>, u32);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            swap(self.0);
            let _ = ATTEMPT.try_with(|attempt| attempt.set(self.1));
        }
    }
    swap(slot);
    // An attempt outside is none of this call's.
    let outer = ATTEMPT.try_with(|attempt| attempt.replace(0)).unwrap_or(0);
    let _restore = Restore(slot, outer);
    until::looking(work)
}

fn swap(slot: &mut Option<Decision>) {
    let _ = CURRENT.try_with(|current| mem::swap(&mut *current.borrow_mut(), slot));
}

/// Runs `work`, a part of attempt number `attempt`: what happens in there is written down with it.
#[inline]
pub(crate) fn in_attempt<R>(attempt: u32, work: impl FnOnce() -> R) -> R {
    struct Restore(u32);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = ATTEMPT.try_with(|attempt| attempt.set(self.0));
        }
    }
    if !is_recording() {
        return work();
    }
    let outer = ATTEMPT.try_with(|current| current.replace(attempt));
    let _restore = Restore(outer.unwrap_or(0));
    work()
}

/// A future whose calls are written down; see [`Decision::scope`].
#[pin_project(PinnedDrop)]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Recording<F> {
    decision: Option<Decision>,
    /// Gone once it has answered, or while it is being dropped.
    #[pin]
    work: Option<F>,
}

impl<F> Recording<F> {
    pub(super) fn new(decision: Decision, work: F) -> Self {
        Self {
            decision: Some(decision),
            work: Some(work),
        }
    }
}

impl<F: Future> Future for Recording<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        recording(this.decision, || {
            let work = this.work.as_mut().as_pin_mut();
            let polled = work.expect("polled after it was ready").poll(cx);
            if polled.is_ready() {
                this.work.set(None);
            }
            polled
        })
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Recording<F> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        recording(this.decision, || this.work.set(None));
    }
}
