use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::permits::Permits;
use crate::{
    common::sync::{self, Mutex, MutexGuard},
    protocol::{End, Guard},
};

/// A place in a bulkhead; dropping it gives the place back.
pub struct Permit {
    permits: Arc<Permits>,
    /// Whether somebody was told of the admission, and so must be told of the end.
    observed: bool,
}

impl Permit {
    #[inline]
    pub(super) fn new(permits: Arc<Permits>) -> Self {
        Self {
            permits,
            observed: false,
        }
    }

    /// Tells of the admission, if anybody wants to know.
    #[inline]
    pub(super) fn announce(&mut self, waited: impl FnOnce() -> Duration) {
        self.observed = self.permits.emitter.wants_calls() && self.permits.rule().is_enabled();
        if self.observed {
            self.permits.tell_admitted(waited());
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.permits.leave();
        if self.observed {
            self.permits.tell_released();
        }
    }
}

impl Guard for Permit {
    /// The place is given back when the guard is dropped, which follows the end at once.
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A place in the queue; dropping it leaves the queue.
pub(super) struct Waiter {
    /// Taken out when the place in the queue becomes a place.
    permits: Option<Arc<Permits>>,
    slot: Arc<Slot>,
}

impl Waiter {
    pub(super) fn new(permits: Arc<Permits>, slot: Arc<Slot>) -> Self {
        Self {
            permits: Some(permits),
            slot,
        }
    }

    /// Ready with a place once one was handed over. Must not be polled after that.
    pub(super) fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<Permit> {
        let mut meeting = self.slot.lock();
        if meeting.granted {
            drop(meeting);
            return Poll::Ready(self.run());
        }
        match &mut meeting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// A place, whether one was handed over or not. Must not be polled after that.
    pub(super) fn overrun(&mut self) -> Permit {
        let permits = self.permits.as_ref().expect("polled after it was ready");
        permits.jump(&self.slot);
        self.run()
    }

    fn run(&mut self) -> Permit {
        let permits = self.permits.take().expect("polled after it was ready");
        Permit::new(permits)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(permits) = self.permits.take() {
            permits.give_up(&self.slot);
        }
    }
}

/// Where the one who waits and the one who hands over meet.
#[derive(Default)]
pub(super) struct Slot(Mutex<Meeting>);

#[derive(Default)]
struct Meeting {
    granted: bool,
    waker: Option<Waker>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Meeting> {
        sync::lock(&self.0)
    }

    pub(super) fn grant(&self) -> Option<Waker> {
        let mut meeting = self.lock();
        meeting.granted = true;
        meeting.waker.take()
    }
}
