use std::{fmt, pin::Pin};

use super::{Lifecycle, Phase};
use crate::{
    common::{
        atomic::{AtomicU8, AtomicUsize, Relaxed, SeqCst, write_then_look},
        notify::Notify,
    },
    protocol::{End, Guard},
};

/// Counts calls, to the end of their bodies.
///
/// `stopping` and `in_flight` are a pair: whoever stops writes the first and reads the second, a call
/// that ends does it the other way round, and one of the two must see the other, or the wait for the
/// last call would never end. See [`write_then_look`].
#[derive(Debug, Default)]
pub(super) struct Tracker {
    /// 1 from the moment the process is told to stop.
    stopping: AtomicU8,
    in_flight: AtomicUsize,
    /// Calls that ended since then. A count read on its own: relaxed.
    finished: AtomicUsize,
    idle: Notify,
}

impl Tracker {
    /// Whether the process was told to stop. For a header on a response, so it may be late: relaxed,
    /// paired with nothing.
    #[inline]
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed) != 0
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(SeqCst)
    }

    pub(super) fn finished(&self) -> usize {
        self.finished.load(Relaxed)
    }

    pub(super) fn follow(&self, phase: Phase) {
        if phase >= Phase::Draining {
            self.stopping.store(1, SeqCst);
            self.idle.notify_waiters();
        }
    }

    /// Waits until the process was told to stop and no call is in flight.
    pub(super) async fn idle(&self) {
        loop {
            // Before the look, so that a call that ends after it is not missed.
            let notified = self.idle.notified();
            let is_idle = |order| self.in_flight.load(order) == 0;
            let stopping = |order| self.stopping.load(order) != 0;
            // The write is that of `follow`, seen or made on this thread.
            let (stopping, is_idle) = write_then_look(stopping, is_idle);
            if stopping && is_idle {
                return;
            }
            notified.await;
        }
    }
}

/// A call that is in flight, until it is dropped.
pub struct InFlight(Lifecycle);

impl InFlight {
    pub(super) fn new(lifecycle: Lifecycle) -> Self {
        lifecycle.tracker().in_flight.fetch_add(1, SeqCst);
        Self(lifecycle)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.tracker().is_stopping()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let tracker = self.0.tracker();
        let (before, stopping) = write_then_look(
            |order| tracker.in_flight.fetch_sub(1, order),
            |order| tracker.stopping.load(order),
        );
        if stopping != 0 {
            tracker.finished.fetch_add(1, Relaxed);
            if before == 1 {
                tracker.idle.notify_waiters();
            }
        }
    }
}

impl Guard for InFlight {
    /// Nothing to do: what counts is the drop, which comes right after.
    fn end(self: Pin<&mut Self>, _: End<'_>) {}
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").finish_non_exhaustive()
    }
}
