use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    permit::{Permit, Waiter},
    permits::{Admission, Permits},
};
use crate::{
    common::clock,
    context,
    rejection::{Kind, Rejection},
};

/// The way to a place without tower: `handle.acquire().await`.
///
/// Dropping it leaves the queue and holds nothing.
#[must_use = "futures do nothing unless polled"]
#[pin_project]
pub struct Acquire {
    #[pin]
    state: State,
}

#[pin_project(project = StateProjected)]
enum State {
    Done(Option<Result<Permit, Rejection>>),
    Waiting(#[pin] Wait),
}

impl Acquire {
    pub(super) fn new(permits: &Arc<Permits>) -> Self {
        let state = match permits.arrive() {
            Admission::Permit(mut permit) => {
                permit.announce(|| Duration::ZERO);
                State::Done(Some(Ok(permit)))
            }
            Admission::Refused(rejection) => State::Done(Some(Err(rejection))),
            Admission::Wait(waiter) => State::Waiting(Wait::new(permits.clone(), waiter)),
        };
        Self { state }
    }
}

impl Future for Acquire {
    type Output = Result<Permit, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let result = match state.as_mut().project() {
            StateProjected::Done(result) => result.take().expect("polled after completion"),
            StateProjected::Waiting(wait) => ready!(wait.poll(cx)),
        };
        // Leaves the queue here and now: a future that is over may be kept for long.
        state.set(State::Done(None));
        Poll::Ready(result)
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").finish_non_exhaustive()
    }
}

/// A stay in the queue: ends with a place, or with a refusal when it has lasted too long.
#[pin_project]
pub(super) struct Wait {
    permits: Arc<Permits>,
    waiter: Waiter,
    /// When the waiting began and when it ends, once it has.
    since: Option<Instant>,
    #[pin]
    timer: Option<Sleep>,
}

impl Wait {
    pub(super) fn new(permits: Arc<Permits>, waiter: Waiter) -> Self {
        Self {
            permits,
            waiter,
            since: None,
            timer: None,
        }
    }
}

impl Future for Wait {
    type Output = Result<Permit, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(mut permit) = this.waiter.poll_permit(cx) {
            permit.announce(|| {
                this.since
                    .map_or(Duration::ZERO, |since| clock::now() - since)
            });
            return Poll::Ready(Ok(permit));
        }
        let since = *this.since.get_or_insert_with(clock::now);
        if this.timer.is_none() {
            let end = since + this.permits.max_wait();
            // Nobody waits for an answer after the deadline, so nobody waits for a place either.
            let end = context::deadline().map_or(end, |deadline| end.min(deadline.instant()));
            this.timer.set(Some(sleep_until(end)));
        }
        let timer = this.timer.as_pin_mut().expect("set above");
        ready!(timer.poll(cx));
        let waited = clock::now() - since;
        Poll::Ready(match this.permits.refuse(Kind::QueueTimeout { waited }) {
            Some(rejection) => Err(rejection),
            None => {
                let mut permit = this.waiter.overrun();
                permit.announce(|| waited);
                Ok(permit)
            }
        })
    }
}
