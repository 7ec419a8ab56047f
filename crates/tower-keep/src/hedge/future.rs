use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;
use tower_service::Service;

use super::{
    race::{Judge, Race},
    state::{self, Next},
};
use crate::{
    common::timer::Timer,
    observe::in_attempt,
    protocol::{Protocol, Wire},
    replay::Replay,
};

/// The future of [`Hedge`](super::Hedge): the first attempt, and those beside it.
///
/// Dropping it gives the call up with all its attempts, and what was kept of the body is freed.
///
/// # Panics
/// If an answer has to be waited for outside of a tokio runtime with time enabled, and the delay is
/// neither zero nor [`OnFailure`](super::Delay::OnFailure).
#[pin_project]
pub struct ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    /// None once it has ended.
    #[pin]
    first: Option<S::Future>,
    #[pin]
    timer: Option<Timer>,
    /// None if the request is sent once.
    race: Option<Race<S, Req, R>>,
    protocol: P,
    wire: Wire,
}

impl<S, Req, P, R> ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    #[inline]
    pub(super) fn new(
        first: S::Future,
        race: Option<Race<S, Req, R>>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        Self {
            first: Some(first),
            timer: None,
            race,
            protocol,
            wire,
        }
    }
}

impl<S, Req, P, R> Future for ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request> + Clone,
    P: Protocol<S::Response, S::Error>,
    R: Replay<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut ended = None;
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            let Some(race) = &this.race else {
                return first.poll(cx);
            };
            let polled = in_attempt(race.first(), || first.poll(cx));
            if let Poll::Ready(outcome) = polled {
                let verdict = this.protocol.judge(*this.wire, &outcome).so_far();
                if race.is_alone() && state::next(&verdict) == Next::Wins {
                    race.answered();
                    return Poll::Ready(outcome);
                }
                ended = Some((verdict, outcome));
            }
        }
        let race = this.race.as_mut().expect("polled after completion");
        let judge = Judge {
            protocol: this.protocol,
            wire: *this.wire,
        };
        race.go_on(this.first, this.timer, ended, judge, cx)
    }
}

impl<S, Req, P, R> fmt::Debug for ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field(
                "hedged",
                &self.race.as_ref().is_some_and(|race| !race.is_alone()),
            )
            .finish_non_exhaustive()
    }
}
