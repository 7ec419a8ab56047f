use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tower_service::Service;

use super::{
    Asked, Backup, Failed, Keeper,
    gives::Gives,
    rules::{How, Made},
    service::Plan,
    state,
};
use crate::{
    classify::{Class, Retry},
    common::rare::Rare,
    protocol::Wire,
    replay::Replay,
};

/// The future of [`Fallback`](super::Fallback): the call, and whoever answers in its place.
///
/// Dropping it drops whoever works on the answer.
#[pin_project]
pub struct ResponseFuture<S, Req, P, T, B, R>
where
    S: Service<R::Request>,
    B: Backup<R::Request, S::Response, S::Error>,
    R: Replay<Req>,
{
    #[pin]
    step: Step<S::Future, B::Future, T>,
    protocol: P,
    wire: Wire,
    /// None if the layer has nothing to say.
    call: Option<Call<T, B, R, R::Saved>>,
}

#[pin_project(project = StepProjected)]
enum Step<F, G, T> {
    /// The service works on it.
    First(#[pin] F),
    /// A function of the user does.
    Making(#[pin] Rare<Pin<Box<dyn Future<Output = T> + Send>>>),
    /// The other service does not take it yet, or nobody works on it.
    Readying,
    /// The other service works on it.
    Second(#[pin] G),
}

/// Another service and what it is asked, if there is one.
pub(super) type Second<B, R, Saved> = Option<(B, R, Saved)>;

/// What a call keeps for the case that it fails.
pub(super) struct Call<T, B, R, Saved> {
    plan: Arc<Plan<T>>,
    asked: Option<Asked>,
    /// Under which key its answer may be kept, and be one that was.
    key: Option<Vec<u8>>,
    second: Second<B, R, Saved>,
    /// What went wrong last. Boxed, so that calls that go well do not carry it about.
    failed: Option<Rare<Box<Failed>>>,
    /// The rule that is asked next.
    at: usize,
}

impl<S, Req, P, T, B, R> ResponseFuture<S, Req, P, T, B, R>
where
    S: Service<R::Request>,
    B: Backup<R::Request, S::Response, S::Error>,
    R: Replay<Req>,
{
    #[inline]
    pub(super) fn new(
        first: S::Future,
        protocol: P,
        wire: Wire,
        call: Option<Call<T, B, R, R::Saved>>,
    ) -> Self {
        Self {
            step: Step::First(first),
            protocol,
            wire,
            call,
        }
    }
}

/// What a call of the layer ends with.
type Answered<P, Res, Err> =
    Result<<P as crate::protocol::Protocol<Res, Err>>::Response<Keeper>, Err>;

impl<S, Req, P, T, B, R> Future for ResponseFuture<S, Req, P, T, B, R>
where
    S: Service<R::Request>,
    P: Gives<S::Response, S::Error, Given = T>,
    B: Backup<R::Request, S::Response, S::Error>,
    R: Replay<Req>,
{
    type Output = Answered<P, S::Response, S::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (protocol, wire) = (&*this.protocol, *this.wire);
        if let StepProjected::First(first) = this.step.as_mut().project() {
            let outcome = ready!(first.poll(cx));
            let Some(call) = this.call else {
                return Poll::Ready(protocol.hold_by(outcome, || Keeper::NOTHING));
            };
            let verdict = protocol.judge(wire, &outcome).so_far();
            if verdict.class == Class::Success {
                let Some(key) = call.key.take() else {
                    return Poll::Ready(protocol.hold_by(outcome, || Keeper::NOTHING));
                };
                let keeper = call.keeper(protocol, wire, &outcome, key);
                return Poll::Ready(protocol.hold(outcome, keeper));
            }
            if let Some(answer) =
                call.answer::<S, Req, P>(this.step.as_mut(), protocol, wire, outcome)
            {
                return Poll::Ready(answer);
            }
        }
        let call = this.call.as_mut().expect("polled after completion");
        call.go_on::<S, Req, P>(this.step, protocol, wire, cx)
    }
}

impl<T, B, R, Saved> Call<T, B, R, Saved> {
    #[inline]
    pub(super) fn new(
        plan: Arc<Plan<T>>,
        asked: Option<Asked>,
        key: Option<Vec<u8>>,
        second: Second<B, R, Saved>,
    ) -> Self {
        Self {
            plan,
            asked,
            key,
            second,
            failed: None,
            at: 0,
        }
    }

    fn keeper<Res, Err, P: Gives<Res, Err>>(
        &self,
        protocol: &P,
        wire: Wire,
        outcome: &Result<Res, Err>,
        key: Vec<u8>,
    ) -> Keeper {
        let cap = self.plan.shared.config().max_answer_bytes;
        match protocol.record(wire, outcome, &self.plan.headers, cap) {
            Some(recording) => Keeper::new(recording.0, key, self.plan.shared.clone()),
            None => Keeper::NOTHING,
        }
    }

    /// The answer to a call that went wrong, or nothing while somebody works on it.
    #[cold]
    fn answer<S, Req, P>(
        &mut self,
        mut step: Pin<&mut Step<S::Future, B::Future, T>>,
        protocol: &P,
        wire: Wire,
        outcome: Result<S::Response, S::Error>,
    ) -> Option<Answered<P, S::Response, S::Error>>
    where
        S: Service<R::Request>,
        P: Gives<S::Response, S::Error, Given = T>,
        B: Backup<R::Request, S::Response, S::Error>,
        R: Replay<Req, Saved = Saved>,
    {
        let verdict = protocol.judge(wire, &outcome).so_far();
        let (rejection, status) = protocol.look(&outcome);
        let Some(cause) = state::cause(&verdict, rejection, outcome.is_ok()) else {
            return Some(protocol.hold_by(outcome, || Keeper::NOTHING));
        };
        let failed = Failed {
            cause,
            verdict,
            rejection: rejection.cloned(),
            status,
            request: self.asked.clone(),
        };
        let header = self.plan.shared.config().header;
        while let Some(rule) = self.plan.rules.get(self.at) {
            self.at += 1;
            if !rule.causes.contains(cause) {
                continue;
            }
            match &rule.how {
                How::Make(make) if protocol.can_give(wire) => {
                    // The failed answer goes first, with whatever it holds, unless it is asked for.
                    let taken = protocol.take(outcome);
                    step.set(Step::Readying);
                    match make(failed.clone(), taken) {
                        Made::Now(given) => {
                            self.plan.shared.answered(&failed, false);
                            return Some(protocol.give(wire, given, &failed, header));
                        }
                        Made::Later(making) => step.set(Step::Making(Rare::new(making))),
                    }
                    self.failed = Some(Rare::new(Box::new(failed)));
                    return None;
                }
                How::Stale => {
                    if let Some(answer) = self.stale(protocol, wire, &failed, header) {
                        return Some(answer);
                    }
                }
                How::Backup if self.may_ask::<Req>(&failed, outcome.is_ok()) => {
                    drop(outcome);
                    step.set(Step::Readying);
                    self.failed = Some(Rare::new(Box::new(failed)));
                    return None;
                }
                How::Make(_) | How::Backup => {}
            }
        }
        Some(protocol.hold_by(outcome, || Keeper::NOTHING))
    }

    /// Whether the other service can have the request, and may: nothing is done twice that must not be.
    fn may_ask<Req>(&self, failed: &Failed, answered: bool) -> bool
    where
        R: Replay<Req, Saved = Saved>,
    {
        let unseen = failed.verdict.retry == Retry::Always
            || failed
                .rejection
                .as_ref()
                .is_some_and(crate::rejection::Rejection::is_unexecuted);
        self.second.as_ref().is_some_and(|(_, _, saved)| {
            (unseen || R::is_idempotent(saved)) && R::rewind(saved, answered).is_ok()
        })
    }

    fn stale<Res, Err, P: Gives<Res, Err>>(
        &self,
        protocol: &P,
        wire: Wire,
        failed: &Failed,
        header: bool,
    ) -> Option<Answered<P, Res, Err>> {
        let key = self.key.as_ref()?;
        let max_age = self.plan.shared.config().max_age;
        let kept = self.plan.shared.store.get(key, max_age)?;
        let answer = protocol.give_kept(wire, kept, failed, header)?;
        self.plan.shared.answered(failed, true);
        Some(answer)
    }

    /// Everything after the service has failed.
    #[cold]
    fn go_on<S, Req, P>(
        &mut self,
        mut step: Pin<&mut Step<S::Future, B::Future, T>>,
        protocol: &P,
        wire: Wire,
        cx: &mut Context<'_>,
    ) -> Poll<Answered<P, S::Response, S::Error>>
    where
        S: Service<R::Request>,
        P: Gives<S::Response, S::Error, Given = T>,
        B: Backup<R::Request, S::Response, S::Error>,
        R: Replay<Req, Saved = Saved>,
    {
        let header = self.plan.shared.config().header;
        loop {
            let outcome = match step.as_mut().project() {
                StepProjected::First(_) => unreachable!("it has failed"),
                StepProjected::Making(making) => {
                    let given = ready!(making.get().as_mut().poll(cx));
                    let failed = self.failed.take().expect("it has failed");
                    let failed = failed.part();
                    self.plan.shared.answered(failed, false);
                    return Poll::Ready(protocol.give(wire, given, failed, header));
                }
                StepProjected::Readying => {
                    let (backup, replay, saved) =
                        self.second.as_mut().expect("asked only if there is one");
                    match ready!(backup.poll_ready(cx)) {
                        Ok(()) => {
                            let request = replay.again(saved, 2, wire);
                            let second = backup.call(request);
                            step.set(Step::Second(second));
                            continue;
                        }
                        Err(error) => Err(error),
                    }
                }
                StepProjected::Second(second) => ready!(second.poll(cx)),
            };
            // One request, one other service.
            self.second = None;
            if protocol.judge(wire, &outcome).so_far().class == Class::Success {
                let failed = self.failed.take().expect("it has failed");
                let failed = failed.part();
                self.plan.shared.answered(failed, false);
                let mut answer = protocol.hold_by(outcome, || Keeper::NOTHING);
                if let Ok(answer) = &mut answer {
                    protocol.mark(answer, failed, header);
                }
                return Poll::Ready(answer);
            }
            if let Some(answer) = self.answer::<S, Req, P>(step.as_mut(), protocol, wire, outcome) {
                return Poll::Ready(answer);
            }
        }
    }
}

impl<S, Req, P, T, B, R> fmt::Debug for ResponseFuture<S, Req, P, T, B, R>
where
    S: Service<R::Request>,
    B: Backup<R::Request, S::Response, S::Error>,
    R: Replay<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
