use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project::pin_project;
use tower_service::Service;

use super::{Replay, shared::Shared, state::Failed};
use crate::{
    budget::pot::Source,
    classify::Verdict,
    common::{
        clock,
        rare::Rare,
        spare::Held,
        timer::Timer,
        tried::{self, Tried},
    },
    observe::{in_attempt, is_recording},
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
    step: Step<S, S::Future>,
    /// None if there will be no other attempt.
    saved: Option<R::Saved>,
    call: Call<S, P, R>,
}

#[pin_project(project = StepProjected)]
enum Step<S, F> {
    /// The first attempt runs: all there is to most calls.
    First(#[pin] F),
    /// Boxed, so that other calls do not carry a timer and a service about.
    Later(#[pin] Rare<Pin<Box<Later<S, F>>>>),
}

/// A call whose first attempt has failed.
#[pin_project]
struct Later<S, F> {
    #[pin]
    now: Now<F>,
    service: S,
    /// The number of the attempt that runs, or of the last.
    attempt: u32,
    /// Where the attempts went so far: a balancer inside sends the next elsewhere.
    tried: Tried,
}

#[pin_project(project = NowProjected)]
enum Now<F> {
    /// An attempt runs.
    Trying(#[pin] F),
    /// The last attempt and its answer are gone.
    Waiting(#[pin] Timer),
    /// The wait is over; the service is not ready yet.
    Readying,
}

/// What a call needs for further attempts.
pub(super) struct Call<S, P, R> {
    pub(super) held: Holding<S>,
    pub(super) protocol: P,
    pub(super) replay: R,
    pub(super) wire: Wire,
    pub(super) max_attempts: u32,
}

pub(super) type Holding<S> = Held<S, Arc<Shared>, Source>;

impl<S, Req, P, R> ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    #[inline]
    pub(super) fn new(trying: S::Future, saved: Option<R::Saved>, call: Call<S, P, R>) -> Self {
        Self {
            step: Step::First(trying),
            saved,
            call,
        }
    }
}

impl<S, Req, P, R> Future for ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req>,
    R: Replay<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let StepProjected::First(trying) = this.step.project() else {
            return self.go_on(cx);
        };
        // Not in a closure, which would not be put in line.
        let outcome = ready!(if is_recording() {
            recorded_first(trying, cx)
        } else {
            trying.poll(cx)
        });
        if this.saved.is_some()
            && let Some(verdict) = this.call.open_verdict(&outcome)
        {
            return self.first_failed(&verdict, outcome, cx);
        }
        Poll::Ready(outcome)
    }
}

#[cold]
#[inline(never)]
fn recorded_first<F: Future>(trying: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    in_attempt(1, || trying.poll(cx))
}

impl<S, P, R> Call<S, P, R> {
    /// How it went, unless that is the end of it.
    #[inline]
    fn open_verdict<Res, Err>(&self, outcome: &Result<Res, Err>) -> Option<Verdict>
    where
        P: Protocol<Res, Err>,
    {
        let verdict = self.protocol.judge(self.wire, outcome).so_far();
        Failed::is_open(&verdict).then_some(verdict)
    }

    /// How long to wait before the next attempt; none if there is to be none.
    fn wait_after<Req>(
        &self,
        saved: &R::Saved,
        attempt: u32,
        verdict: &Verdict,
        answered: bool,
    ) -> Option<Duration>
    where
        R: Replay<Req>,
    {
        let shared = self.held.shared();
        let failed = Failed {
            verdict: *verdict,
            attempt,
            idempotent: R::is_idempotent(saved),
        };
        if !shared.allows(&failed) {
            return None;
        }
        let rewind = || R::rewind(saved, answered);
        shared
            .schedule(verdict, attempt, self.max_attempts, rewind)
            .map_err(|why| shared.skip(why))
            .ok()
    }
}

impl<S, Req, P, R> ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req>,
    R: Replay<Req>,
{
    /// Apart, as is everything after a failure, so that a success is a few instructions.
    #[cold]
    #[inline(never)]
    fn first_failed(
        mut self: Pin<&mut Self>,
        verdict: &Verdict,
        outcome: Result<S::Response, S::Error>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut tried = Tried::NONE;
        tried.add_noted();
        let mut this = self.as_mut().project();
        let wait = this.saved.as_ref().and_then(|saved| {
            this.call
                .wait_after::<Req>(saved, 1, verdict, outcome.is_ok())
        });
        let Some(wait) = wait else {
            *this.saved = None;
            return Poll::Ready(outcome);
        };
        let later = Later {
            now: Now::Readying,
            service: this.call.held.take(),
            attempt: 1,
            tried,
        };
        // The answer and its attempt go before the wait, with whatever they hold.
        drop(outcome);
        this.step.set(Step::Later(Rare::new(Box::pin(later))));
        if let StepProjected::Later(later) = this.step.project() {
            let later = later.get().as_deref_mut();
            later.wait(this.call.held.shared(), wait);
        }
        self.go_on(cx)
    }

    /// The wait and the attempts after the first.
    #[cold]
    #[inline(never)]
    fn go_on(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<S::Response, S::Error>> {
        let this = self.project();
        let StepProjected::Later(later) = this.step.project() else {
            unreachable!("the first attempt has failed");
        };
        let mut later = later.get().as_deref_mut();
        loop {
            let at = later.as_mut().project();
            match at.now.project() {
                NowProjected::Waiting(wait) => {
                    ready!(wait.poll(cx));
                    later.as_mut().project().now.set(Now::Readying);
                }
                NowProjected::Readying => {
                    // As long as it takes: the last answer is gone, and a timeout layer outside drops
                    // us at the deadline.
                    ready!(at.service.poll_ready(cx))?;
                    *at.attempt += 1;
                    let saved = this.saved.as_ref();
                    let saved =
                        saved.expect("a wait is only begun with a request to send after it");
                    let replay = &this.call.replay;
                    let request = replay.again(saved, *at.attempt, this.call.wire);
                    let trying = in_attempt(*at.attempt, || at.service.call(request));
                    later.as_mut().project().now.set(Now::Trying(trying));
                }
                NowProjected::Trying(trying) => {
                    let attempt = *at.attempt;
                    let poll = || in_attempt(attempt, || trying.poll(cx));
                    let outcome = ready!(tried::avoiding(*at.tried, poll));
                    let Some(saved) = &*this.saved else {
                        return Poll::Ready(outcome);
                    };
                    let Some(verdict) = this.call.open_verdict(&outcome) else {
                        return Poll::Ready(outcome);
                    };
                    at.tried.add_noted();
                    let answered = outcome.is_ok();
                    let wait = this
                        .call
                        .wait_after::<Req>(saved, attempt, &verdict, answered);
                    let Some(wait) = wait else {
                        *this.saved = None;
                        return Poll::Ready(outcome);
                    };
                    drop(outcome);
                    later.as_mut().project().now.set(Now::Readying);
                    later.as_mut().wait(this.call.held.shared(), wait);
                }
            }
        }
    }
}

impl<S, F> Later<S, F> {
    /// Begins a wait before the next attempt.
    fn wait(self: Pin<&mut Self>, shared: &Shared, wait: Duration) {
        let mut this = self.project();
        shared.scheduled(*this.attempt + 1, wait);
        if !wait.is_zero() {
            let timer = Timer::at(clock::now() + wait);
            this.now.set(Now::Waiting(timer));
        }
    }
}

impl<S, Req, P, R> fmt::Debug for ResponseFuture<S, Req, P, R>
where
    S: Service<R::Request>,
    R: Replay<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::First(_) => "the first attempt",
            Step::Later(_) => "further attempts",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}
