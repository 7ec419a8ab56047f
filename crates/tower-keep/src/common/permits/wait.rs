use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::slot::Slot;
use crate::{common::clock, context, rejection::Rejection};

/// Whose places are waited for.
pub(crate) trait Owner {
    /// What it has to know of one who waits.
    type Tag;
    /// What one has who has a place.
    type Permit;

    /// How long to wait, at the most.
    fn max_wait(&self) -> Duration;

    /// Makes the permit for a place that was handed over after this wait.
    fn granted(self: Arc<Self>, tag: &Self::Tag, waited: impl FnOnce() -> Duration)
    -> Self::Permit;

    /// Decides on a call that has waited for too long. It runs with the permit, if there is one, and
    /// is out of the queue then; else it leaves it.
    fn waited_too_long(
        self: &Arc<Self>,
        slot: &Arc<Slot<Self::Tag>>,
        waited: Duration,
    ) -> Result<Self::Permit, Rejection>;

    /// Somebody stops waiting. If a place was handed over just before, it goes to the next.
    fn give_up(&self, slot: &Arc<Slot<Self::Tag>>);
}

/// A place in the queue; dropping it leaves the queue.
pub(crate) struct Waiter<O: Owner> {
    /// Taken out when the place in the queue becomes a place.
    owner: Option<Arc<O>>,
    slot: Arc<Slot<O::Tag>>,
}

impl<O: Owner> Waiter<O> {
    pub(crate) fn new(owner: Arc<O>, slot: Arc<Slot<O::Tag>>) -> Self {
        Self {
            owner: Some(owner),
            slot,
        }
    }

    /// Ready once a place was handed over. Must not be polled after that.
    fn poll_owner(&mut self, cx: &Context<'_>) -> Poll<Arc<O>> {
        ready!(self.slot.poll_granted(cx));
        Poll::Ready(self.owner.take().expect("polled after it was ready"))
    }
}

impl<O: Owner> Drop for Waiter<O> {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take() {
            owner.give_up(&self.slot);
        }
    }
}

/// A stay in the queue: ends with a place, or with a refusal when it has lasted too long.
#[pin_project]
pub(crate) struct Wait<O: Owner> {
    waiter: Waiter<O>,
    /// When the waiting began and when it ends, once it has.
    since: Option<Instant>,
    #[pin]
    timer: Option<Sleep>,
}

impl<O: Owner> Wait<O> {
    pub(crate) fn new(waiter: Waiter<O>) -> Self {
        Self {
            waiter,
            since: None,
            timer: None,
        }
    }
}

impl<O: Owner> Future for Wait<O> {
    type Output = Result<O::Permit, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(owner) = this.waiter.poll_owner(cx) {
            let permit = owner.granted(&this.waiter.slot.tag, || {
                this.since
                    .map_or(Duration::ZERO, |since| clock::now() - since)
            });
            return Poll::Ready(Ok(permit));
        }
        let owner = this
            .waiter
            .owner
            .as_ref()
            .expect("not polled after it was ready");
        let since = *this.since.get_or_insert_with(clock::now);
        if this.timer.is_none() {
            let end = since + owner.max_wait();
            // Nobody waits for an answer after the deadline, so nobody waits for a place either.
            let end = context::deadline().map_or(end, |deadline| end.min(deadline.instant()));
            this.timer.set(Some(sleep_until(end)));
        }
        let timer = this.timer.as_pin_mut().expect("set above");
        ready!(timer.poll(cx));
        let decided = owner.waited_too_long(&this.waiter.slot, clock::now() - since);
        if decided.is_ok() {
            this.waiter.owner = None;
        }
        Poll::Ready(decided)
    }
}
