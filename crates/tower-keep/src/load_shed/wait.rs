use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use pin_project::pin_project;
use tokio::time::{Sleep, sleep_until};

use super::{Permit, Reason, Tenant, shared::Shared};
use crate::{
    common::{
        clock::{self, Instant},
        sync::{self, Mutex, MutexGuard},
    },
    rejection::Rejection,
};

/// A place in the queue; dropping it leaves the queue.
pub(super) struct Waiter {
    /// Taken out when its lot has been cast and seen.
    shared: Option<Arc<Shared>>,
    slot: Arc<Slot>,
    stay: Stay,
    tenant: Option<Tenant>,
}

/// Where in the queue a call waits, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) class: usize,
    pub(super) since: Instant,
    pub(super) end: Instant,
    /// Whether the end is the call's deadline, and not that it has waited for long enough.
    pub(super) by_deadline: bool,
}

impl Waiter {
    pub(super) fn new(
        shared: Arc<Shared>,
        slot: Arc<Slot>,
        stay: Stay,
        tenant: Option<Tenant>,
    ) -> Self {
        Self {
            shared: Some(shared),
            slot,
            stay,
            tenant,
        }
    }

    /// Its lot, once it has been cast.
    fn poll_lot(&self, cx: &mut Context<'_>) -> Poll<Lot> {
        let mut meeting = self.slot.lock();
        if let Some(lot) = meeting.lot {
            return Poll::Ready(lot);
        }
        match &mut meeting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// It has waited long enough. It may have got a place at the last moment.
    fn give_up(&self) -> Lot {
        let shared = self.shared.as_ref().expect("not over yet");
        if shared.withdraw(&self.slot, self.stay.class, !self.stay.by_deadline) {
            return Lot::Leave(if self.stay.by_deadline {
                Reason::Deadline
            } else {
                Reason::Delay
            });
        }
        let cast = self.slot.lock().lot;
        // Taken out of the queue by somebody who has not cast the lot yet, for which he does not hold
        // the queue's lock: only who sheds does so.
        cast.unwrap_or(Lot::Leave(Reason::Delay))
    }

    /// Follows its lot.
    fn end(&mut self, lot: Lot) -> Result<Permit, Rejection> {
        let shared = self.shared.take().expect("ends once");
        let permit = match lot {
            Lot::Run => Permit::new(shared),
            Lot::Leave(reason) => shared.refuse(reason)?,
        };
        let now = clock::now();
        let mut permit = permit.for_tenant(self.tenant, now);
        permit.announce(now.saturating_duration_since(self.stay.since));
        Ok(permit)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take()
            && !shared.withdraw(&self.slot, self.stay.class, false)
            && self.slot.lock().lot == Some(Lot::Run)
        {
            shared.leave();
        }
    }
}

/// What becomes of a call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lot {
    Run,
    Leave(Reason),
}

/// Where the one who waits and the one who casts the lots meet.
#[derive(Default)]
pub(super) struct Slot(Mutex<Meeting>);

#[derive(Default)]
struct Meeting {
    lot: Option<Lot>,
    waker: Option<Waker>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Meeting> {
        sync::lock(&self.0)
    }

    /// Called with the queue locked, so that who leaves the queue finds either himself or his place.
    pub(super) fn run(&self) -> Option<Waker> {
        self.cast(Lot::Run)
    }

    pub(super) fn shed(&self, reason: Reason) -> Option<Waker> {
        self.cast(Lot::Leave(reason))
    }

    fn cast(&self, lot: Lot) -> Option<Waker> {
        let mut meeting = self.lock();
        meeting.lot = Some(lot);
        meeting.waker.take()
    }
}

/// A stay in the queue: ends with a place, or with a refusal.
#[pin_project]
pub(super) struct Wait {
    waiter: Waiter,
    #[pin]
    timer: Option<Sleep>,
}

impl Wait {
    pub(super) fn new(waiter: Waiter) -> Self {
        Self {
            waiter,
            timer: None,
        }
    }
}

impl Future for Wait {
    type Output = Result<Permit, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(lot) = this.waiter.poll_lot(cx) {
            return Poll::Ready(this.waiter.end(lot));
        }
        if this.timer.is_none() {
            this.timer.set(Some(sleep_until(this.waiter.stay.end)));
        }
        let timer = this.timer.as_pin_mut().expect("set above");
        ready!(timer.poll(cx));
        let lot = this.waiter.give_up();
        Poll::Ready(this.waiter.end(lot))
    }
}
