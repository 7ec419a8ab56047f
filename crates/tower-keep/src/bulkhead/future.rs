use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tower_service::Service;

use super::{
    permit::Permit,
    permits::{Full, Permits},
};
use crate::{
    common::permits::{Wait, Waiter},
    protocol::{Protocol, Wire},
    rejection::{Rejection, Short},
};

/// The answer of a [`Bulkhead`](super::Bulkhead).
///
/// Dropping it gives the place back, or leaves the queue.
#[pin_project]
pub struct ResponseFuture<S, Req, P>
where
    S: Service<Req>,
{
    #[pin]
    state: State<S, Req>,
    protocol: P,
}

#[pin_project(project = StateProjected)]
enum State<S, Req>
where
    S: Service<Req>,
{
    /// Running.
    Admitted {
        #[pin]
        inner: S::Future,
        permit: Option<Permit>,
    },
    Unusual(Unusual<S, Req>),
}

/// What a call is that found no place at once. A type of its own, so that dropping a call that did is
/// short.
enum Unusual<S, Req> {
    /// Waiting for a place. Boxed, so that other calls do not carry a timer about.
    Queued(Pin<Box<Queued<S, Req>>>, Wire),
    Refused(Option<Rejection>, Wire),
    /// The same on arrival.
    Short(Option<Short<Full>>, Wire),
}

/// A call that waits, with the service that was made ready for it.
#[pin_project]
pub(super) struct Queued<S, Req> {
    #[pin]
    wait: Wait<Permits>,
    call: Option<(S, Req)>,
}

impl<S, Req, P> ResponseFuture<S, Req, P>
where
    S: Service<Req>,
{
    #[inline]
    pub(super) fn admitted(inner: S::Future, permit: Permit, protocol: P) -> Self {
        Self {
            state: State::Admitted {
                inner,
                permit: Some(permit),
            },
            protocol,
        }
    }

    #[inline]
    pub(super) fn queued(queued: Pin<Box<Queued<S, Req>>>, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Unusual(Unusual::Queued(queued, wire)),
            protocol,
        }
    }

    #[inline]
    pub(super) fn short(short: Short<Full>, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Unusual(Unusual::Short(Some(short), wire)),
            protocol,
        }
    }

    #[inline]
    pub(super) fn refused(rejection: Rejection, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Unusual(Unusual::Refused(Some(rejection), wire)),
            protocol,
        }
    }
}

impl<S, Req> Queued<S, Req> {
    pub(super) fn new(waiter: Waiter<Permits>, service: S, request: Req) -> Pin<Box<Self>> {
        Box::pin(Self {
            wait: Wait::new(waiter),
            call: Some((service, request)),
        })
    }
}

impl<S, Req, P> Future for ResponseFuture<S, Req, P>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error>,
{
    type Output = Result<P::Response<Permit>, S::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjected::Admitted { inner, permit } => {
                    let outcome = ready!(inner.poll(cx));
                    return Poll::Ready(this.protocol.hold_taken(outcome, permit.take()));
                }
                StateProjected::Unusual(Unusual::Short(short, wire)) => {
                    return Poll::Ready(Short::answer(short, this.protocol, *wire));
                }
                StateProjected::Unusual(Unusual::Refused(rejection, wire)) => {
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(this.protocol.reject(*wire, rejection));
                }
                StateProjected::Unusual(Unusual::Queued(queued, wire)) => {
                    let wire = *wire;
                    let next = ready!(queued.as_mut().poll_place(cx, wire));
                    this.state.set(next);
                }
            }
        }
    }
}

impl<S, Req> Queued<S, Req>
where
    S: Service<Req>,
{
    /// Waits for the place. Apart, so that a call that found one at once is short.
    #[cold]
    fn poll_place(self: Pin<&mut Self>, cx: &mut Context<'_>, wire: Wire) -> Poll<State<S, Req>> {
        let this = self.project();
        Poll::Ready(match ready!(this.wait.poll(cx)) {
            Err(rejection) => State::Unusual(Unusual::Refused(Some(rejection), wire)),
            Ok(permit) => {
                let (mut service, request) = this.call.take().expect("called once");
                State::Admitted {
                    inner: service.call(request),
                    permit: Some(permit),
                }
            }
        })
    }
}

impl<S: Service<Req>, Req, P> fmt::Debug for ResponseFuture<S, Req, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
