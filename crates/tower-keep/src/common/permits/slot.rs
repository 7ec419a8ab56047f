use std::task::{Context, Poll, Waker};

use crate::common::sync::{self, Mutex, MutexGuard};

/// Where the one who waits and the one who hands over meet.
#[derive(Debug)]
pub(crate) struct Slot<T = ()> {
    /// Whatever the owner of the places has to know of the one who waits.
    pub(crate) tag: T,
    meeting: Mutex<Meeting>,
}

#[derive(Debug, Default)]
struct Meeting {
    granted: bool,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    pub(super) fn new(tag: T) -> Self {
        Self {
            tag,
            meeting: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Meeting> {
        sync::lock(&self.meeting)
    }

    pub(super) fn grant(&self) -> Option<Waker> {
        let mut meeting = self.lock();
        meeting.granted = true;
        meeting.waker.take()
    }

    pub(super) fn poll_granted(&self, cx: &Context<'_>) -> Poll<()> {
        let mut meeting = self.lock();
        if meeting.granted {
            return Poll::Ready(());
        }
        match &mut meeting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
