use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project::pin_project;

use super::{
    permit::Permit,
    permits::{Admission, Permits},
};
use crate::{common::permits::Wait, rejection::Rejection};

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
    Waiting(#[pin] Wait<Permits>),
}

impl Acquire {
    pub(super) fn new(permits: &Arc<Permits>) -> Self {
        let state = match permits.arrive() {
            Admission::Permit(mut permit) => {
                permit.announce(permits, || Duration::ZERO);
                State::Done(Some(Ok(permit)))
            }
            Admission::Refused(rejection) => State::Done(Some(Err(rejection))),
            Admission::Wait(waiter) => State::Waiting(Wait::new(waiter)),
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
