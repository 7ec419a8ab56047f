use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tower_service::Service;

use super::{
    admit::NoPermit,
    attention::{Attention, refused},
    cost::Price,
    wait::Wait,
};
use crate::{
    common::rare::Rare,
    protocol::{Protocol, Wire},
    rejection::{Rejection, Short},
};

/// The answer of a [`RateLimit`](super::RateLimit).
///
/// Dropping it while it waits gives up its place and what was booked for it.
#[pin_project]
pub struct ResponseFuture<S, Req, P, C>
where
    S: Service<Req>,
{
    #[pin]
    state: State<S, Req, C>,
    protocol: P,
    wire: Wire,
}

#[pin_project(project = StateProjected)]
enum State<S, Req, C>
where
    S: Service<Req>,
{
    /// Running, with nothing to do at the answer: the usual call, apart from all others so that it is
    /// short.
    Usual(#[pin] S::Future),
    /// Turned away; none once it is told.
    Short(Option<Short<NoPermit>>),
    Other(#[pin] Rare<Other<S, Req, C>>),
}

#[pin_project(project = OtherProjected)]
enum Other<S, Req, C>
where
    S: Service<Req>,
{
    /// Running, and the answer matters.
    Attended {
        #[pin]
        inner: S::Future,
        attention: Option<Attention<C>>,
    },
    Refused {
        rejection: Option<Rejection>,
        attention: Option<Attention<C>>,
    },
    /// Waiting for permits. Boxed, so that other calls do not carry a timer about.
    Waiting(Pin<Box<Waiting<S, Req, C>>>),
}

/// A call that waits, with the service that was made ready for it.
#[pin_project]
struct Waiting<S, Req, C> {
    #[pin]
    wait: Wait,
    call: Option<(S, Req)>,
    attention: Option<Attention<C>>,
}

impl<S, Req, P, C> ResponseFuture<S, Req, P, C>
where
    S: Service<Req>,
{
    #[inline]
    pub(super) fn usual(inner: S::Future, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Usual(inner),
            protocol,
            wire,
        }
    }

    #[inline]
    pub(super) fn short(short: Short<NoPermit>, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Short(Some(short)),
            protocol,
            wire,
        }
    }

    pub(super) fn attended(
        inner: S::Future,
        attention: Option<Attention<C>>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        Self {
            state: State::Other(Rare::new(Other::Attended { inner, attention })),
            protocol,
            wire,
        }
    }

    pub(super) fn waiting(
        wait: Wait,
        call: (S, Req),
        attention: Option<Attention<C>>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        let waiting = Waiting {
            wait,
            call: Some(call),
            attention,
        };
        Self {
            state: State::Other(Rare::new(Other::Waiting(Box::pin(waiting)))),
            protocol,
            wire,
        }
    }

    pub(super) fn refused(
        rejection: Rejection,
        attention: Option<Attention<C>>,
        protocol: P,
        wire: Wire,
    ) -> Self {
        let rejection = Some(rejection);
        Self {
            state: State::Other(Rare::new(Other::Refused {
                rejection,
                attention,
            })),
            protocol,
            wire,
        }
    }
}

impl<S, Req, P, C> Future for ResponseFuture<S, Req, P, C>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error>,
    C: Price<Req, S::Response>,
{
    type Output = Result<P::Response<()>, S::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProjected::Usual(inner) => {
                let outcome = ready!(inner.poll(cx));
                Poll::Ready(this.protocol.hold_by(outcome, || ()))
            }
            StateProjected::Short(short) => {
                Poll::Ready(Short::answer(short, this.protocol, *this.wire))
            }
            StateProjected::Other(other) => other.get().poll(this.protocol, *this.wire, cx),
        }
    }
}

impl<S, Req, C> Other<S, Req, C>
where
    S: Service<Req>,
{
    #[inline(never)]
    fn poll<P>(
        mut self: Pin<&mut Self>,
        protocol: &P,
        wire: Wire,
        cx: &mut Context<'_>,
    ) -> Poll<Result<P::Response<()>, S::Error>>
    where
        P: Protocol<S::Response, S::Error>,
        C: Price<Req, S::Response>,
    {
        loop {
            match self.as_mut().project() {
                OtherProjected::Attended { inner, attention } => {
                    let outcome = ready!(inner.poll(cx));
                    return Poll::Ready(match attention.take() {
                        None => protocol.hold(outcome, ()),
                        Some(attention) => attention.answer(protocol, wire, outcome),
                    });
                }
                OtherProjected::Refused {
                    rejection,
                    attention,
                } => {
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(refused(attention.as_ref(), protocol, wire, rejection));
                }
                OtherProjected::Waiting(waiting) => {
                    let waiting = waiting.as_mut().project();
                    let outcome = ready!(waiting.wait.poll(cx));
                    let (call, mut attention) = (waiting.call.take(), waiting.attention.take());
                    let next = match outcome {
                        Err(rejection) => Self::Refused {
                            rejection: Some(rejection),
                            attention,
                        },
                        Ok(receipt) => {
                            let (mut service, request) = call.expect("called once");
                            if let Some(attention) = &mut attention {
                                attention.paid(receipt);
                            }
                            let inner = service.call(request);
                            Self::Attended { inner, attention }
                        }
                    };
                    self.set(next);
                }
            }
        }
    }
}

impl<S: Service<Req>, Req, P, C> fmt::Debug for ResponseFuture<S, Req, P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
