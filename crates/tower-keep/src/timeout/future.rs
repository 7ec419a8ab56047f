use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;

use super::{
    BodyTimer,
    arrival::Allowance,
    shared::{Acting, Shared},
    state::exceeded,
    timer::poll_due,
};
use crate::{
    common::{
        cancel::{self, Reason},
        timer::Timer,
        until::{Until, Within},
    },
    protocol::{Protocol, Wire},
    rejection::{Kind, Phase},
};

/// The answer of a [`Timeout`](super::Timeout).
///
/// At the deadline it drops the call and answers in its place. Dropping it drops the call.
#[pin_project]
pub struct ResponseFuture<F, P> {
    /// Gone once its time is up.
    #[pin]
    inner: Option<F>,
    #[pin]
    time: Time,
    shared: Arc<Shared>,
    protocol: P,
}

/// What runs while the call does.
#[pin_project(project = TimeProjected)]
enum Time {
    /// Nothing yet, for a call without a head that may take so long: the usual call, apart from all
    /// others so that it is short.
    Usual(Until),
    Other(#[pin] Watched),
}

#[pin_project]
struct Watched {
    allowance: Allowance,
    wire: Wire,
    /// Made when the call first has to wait.
    #[pin]
    timer: Option<Timer>,
}

impl<F, P> ResponseFuture<F, P> {
    /// A call without a head that may take until `until`.
    #[inline]
    pub(super) fn usual(inner: F, until: Until, shared: Arc<Shared>, protocol: P) -> Self {
        Self {
            inner: Some(inner),
            time: Time::Usual(until),
            shared,
            protocol,
        }
    }

    /// A call; `None` if it came too late to be made.
    #[inline]
    pub(super) fn new(
        inner: Option<F>,
        allowance: Allowance,
        shared: Arc<Shared>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        Self {
            inner,
            time: Time::Other(Watched {
                allowance,
                wire,
                timer: None,
            }),
            shared,
            protocol,
        }
    }
}

impl<F, P, Res, Err> Future for ResponseFuture<F, P>
where
    F: Future<Output = Result<Res, Err>>,
    P: Protocol<Res, Err>,
{
    type Output = Result<P::Response<BodyTimer>, Err>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let TimeProjected::Usual(until) = this.time.project() else {
            return self.poll_watched(cx);
        };
        let mut until = *until;
        let inner = this.inner.as_pin_mut();
        let inner = inner.expect("only a call that was made is a usual one");
        let within = Within::new(&mut until);
        let polled = inner.poll(cx);
        drop(within);
        match polled {
            Poll::Ready(outcome) => Poll::Ready(this.protocol.hold_by(outcome, BodyTimer::none)),
            Poll::Pending => self.wait_first(until, cx),
        }
    }
}

impl<F, P> ResponseFuture<F, P> {
    #[inline(never)]
    fn poll_watched<Res, Err>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<P::Response<BodyTimer>, Err>>
    where
        F: Future<Output = Result<Res, Err>>,
        P: Protocol<Res, Err>,
    {
        let this = self.as_mut().project();
        let TimeProjected::Other(watched) = this.time.project() else {
            unreachable!("looked at before");
        };
        let watched = watched.project();
        let (allowance, wire) = (watched.allowance, *watched.wire);
        let Some(inner) = this.inner.as_pin_mut() else {
            return self.refuse(wire, Kind::DeadlineExpired, false);
        };
        // The call is asked before the timer: an answer that is there is delivered.
        let within = allowance.enter();
        let polled = inner.poll(cx);
        drop(within);
        if polled.is_pending() {
            return self.wait(cx);
        }
        // Two calls, so that the one without a body moves no timer about.
        polled.map(|outcome| match wire {
            Wire::Plain => this.protocol.hold_by(outcome, BodyTimer::none),
            Wire::Grpc | Wire::HeadOnly | Wire::Http => {
                let timer = BodyTimer::new(*allowance, this.shared.clone());
                this.protocol.hold(outcome, timer)
            }
        })
    }

    /// A usual call has to wait, and is watched from now on.
    #[inline(never)]
    fn wait_first<Res, Err>(
        mut self: Pin<&mut Self>,
        until: Until,
        cx: &mut Context<'_>,
    ) -> Poll<Result<P::Response<BodyTimer>, Err>>
    where
        P: Protocol<Res, Err>,
    {
        self.as_mut().project().time.set(Time::Other(Watched {
            allowance: Allowance::usual(until),
            wire: Wire::Plain,
            timer: None,
        }));
        self.wait(cx)
    }

    /// The call has no answer yet.
    fn wait<Res, Err>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<P::Response<BodyTimer>, Err>>
    where
        P: Protocol<Res, Err>,
    {
        let mut this = self.as_mut().project();
        let TimeProjected::Other(watched) = this.time.project() else {
            return Poll::Pending;
        };
        let watched = watched.project();
        let Some((started, end)) = watched.allowance.due() else {
            return Poll::Pending;
        };
        ready!(poll_due(watched.timer, end, cx));
        let kind = exceeded(Phase::Head, started, end);
        if watched.allowance.acting == Acting::InWords {
            *watched.allowance = Allowance::NONE;
            this.shared.would_refuse(kind);
            return Poll::Pending;
        }
        let by_caller = watched.allowance.head.is_callers();
        cancel::because(Reason::of_deadline(by_caller), || this.inner.set(None));
        let wire = *watched.wire;
        self.refuse(wire, kind, by_caller)
    }

    #[cold]
    fn refuse<Res, Err>(
        self: Pin<&mut Self>,
        wire: Wire,
        kind: Kind,
        by_caller: bool,
    ) -> Poll<Result<P::Response<BodyTimer>, Err>>
    where
        P: Protocol<Res, Err>,
    {
        let rejection = self.shared.refuse(kind).of_caller(by_caller);
        Poll::Ready(self.protocol.reject(wire, rejection))
    }
}

impl<F, P> fmt::Debug for ResponseFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ResponseFuture");
        match &self.time {
            Time::Usual(until) => text.field("until", until),
            Time::Other(watched) => text.field("allowance", &watched.allowance),
        };
        text.finish_non_exhaustive()
    }
}
