use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::{Replay, shared::Shared, state::Failed};
use crate::{
    classify::Verdict,
    common::tried::{self, Tried},
    observe::in_attempt,
    protocol::{Inspect, Protocol, Wire},
};

/// The future of [`Retry`](super::Retry): attempts and the waits between them.
///
/// Dropping it gives the call up, whatever it is doing: the attempt is dropped, no other is made, and
/// what was kept of the body is freed.
///
/// # Panics
/// If a retry has to wait outside of a tokio runtime with time enabled.
#[pin_project]
pub struct ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    #[pin]
    step: Step<S::Future>,
    call: Call<S, Req, P, R>,
}

#[pin_project(project = StepProjected)]
enum Step<F> {
    /// An attempt runs.
    Trying(#[pin] F),
    /// The last attempt and its answer are gone.
    Waiting(#[pin] Sleep),
    /// The wait is over; the service is not ready yet.
    Readying,
}

/// What a call keeps through its attempts.
pub(super) struct Call<S, Req, P, R: Replay<Req>> {
    /// The service that took the last attempt.
    pub(super) inner: S,
    /// None if there will be no other attempt.
    pub(super) saved: Option<R::Saved>,
    pub(super) shared: Arc<Shared>,
    pub(super) protocol: P,
    pub(super) replay: R,
    pub(super) wire: Wire,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    /// Where the attempts went so far: a balancer inside sends the next elsewhere.
    pub(super) tried: Tried,
}

impl<S, Req, P, R> ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    #[inline]
    pub(super) fn new(trying: S::Future, call: Call<S, Req, P, R>) -> Self {
        Self {
            step: Step::Trying(trying),
            call,
        }
    }
}

impl<S, Req, P, R> Future for ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    P: Protocol<S::Response, S::Error> + Inspect<Req>,
    R: Replay<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StepProjected::Trying(trying) = this.step.as_mut().project() {
            let outcome = ready!(in_attempt(this.call.attempt, || trying.poll(cx)));
            let Some(verdict) = this.call.open_verdict(&outcome) else {
                return Poll::Ready(outcome);
            };
            if let Some(outcome) = this.call.give_up(this.step.as_mut(), &verdict, outcome) {
                return Poll::Ready(outcome);
            }
        }
        this.call.go_on(this.step, cx)
    }
}

impl<S, Req, P, R> Call<S, Req, P, R>
where
    S: Service<R::Request>,
    P: Protocol<S::Response, S::Error> + Inspect<Req>,
    R: Replay<Req>,
{
    /// How it went, unless that is the end of it.
    #[inline]
    fn open_verdict(&self, outcome: &Result<S::Response, S::Error>) -> Option<Verdict> {
        self.saved.as_ref()?;
        let verdict = self.protocol.judge(self.wire, outcome).so_far();
        Failed::is_open(&verdict).then_some(verdict)
    }

    /// The outcome, if it is the caller's; or drops it and begins the wait.
    ///
    /// Apart, as is everything after a failure, so that a success is a few instructions.
    #[cold]
    #[inline(never)]
    fn give_up(
        &mut self,
        mut step: Pin<&mut Step<S::Future>>,
        verdict: &Verdict,
        outcome: Result<S::Response, S::Error>,
    ) -> Option<Result<S::Response, S::Error>> {
        self.tried.add_noted();
        let Some(wait) = self.wait_after(verdict, outcome.is_ok()) else {
            self.saved = None;
            return Some(outcome);
        };
        // The answer and its attempt go before the wait, with whatever they hold.
        drop(outcome);
        step.set(Step::Readying);
        self.shared.scheduled(self.attempt + 1, wait);
        if !wait.is_zero() {
            step.set(Step::Waiting(sleep(wait)));
        }
        None
    }

    fn wait_after(&self, verdict: &Verdict, answered: bool) -> Option<Duration> {
        let saved = self.saved.as_ref()?;
        let failed = Failed {
            verdict: *verdict,
            attempt: self.attempt,
            idempotent: R::is_idempotent(saved),
        };
        if !self.shared.allows(&failed) {
            return None;
        }
        let rewind = || R::rewind(saved, answered);
        self.shared
            .schedule(verdict, self.attempt, self.max_attempts, rewind)
            .map_err(|why| self.shared.skip(why))
            .ok()
    }

    /// The wait and the attempts after the first.
    #[cold]
    #[inline(never)]
    fn go_on(
        &mut self,
        mut step: Pin<&mut Step<S::Future>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        loop {
            match step.as_mut().project() {
                StepProjected::Waiting(wait) => {
                    ready!(wait.poll(cx));
                    step.set(Step::Readying);
                }
                StepProjected::Readying => {
                    // As long as it takes: the last answer is gone, and a timeout layer outside drops
                    // us at the deadline.
                    ready!(self.inner.poll_ready(cx))?;
                    let trying = self.again();
                    step.set(Step::Trying(trying));
                }
                StepProjected::Trying(trying) => {
                    let (tried, attempt) = (self.tried, self.attempt);
                    let poll = || in_attempt(attempt, || trying.poll(cx));
                    let outcome = ready!(tried::avoiding(tried, poll));
                    let Some(verdict) = self.open_verdict(&outcome) else {
                        return Poll::Ready(outcome);
                    };
                    if let Some(outcome) = self.give_up(step.as_mut(), &verdict, outcome) {
                        return Poll::Ready(outcome);
                    }
                }
            }
        }
    }

    fn again(&mut self) -> S::Future {
        self.attempt += 1;
        let saved = self
            .saved
            .as_ref()
            .expect("a wait is only begun with a request to send after it");
        let request = self.replay.again(saved, self.attempt, self.wire);
        in_attempt(self.attempt, || self.inner.call(request))
    }
}

impl<S, Req, P, R> fmt::Debug for ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Trying(_) => "trying",
            Step::Waiting(_) => "waiting",
            Step::Readying => "readying",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .field("attempt", &self.call.attempt)
            .finish_non_exhaustive()
    }
}
