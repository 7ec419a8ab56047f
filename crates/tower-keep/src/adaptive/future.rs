use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tower_service::Service;

use super::{Permit, core::Core};
use crate::{
    common::permits::Wait,
    protocol::{Protocol, Wire},
    rejection::Rejection,
};

/// The answer of an [`Adaptive`](super::Adaptive).
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
    wire: Wire,
}

#[pin_project(project = StateProjected)]
enum State<S, Req>
where
    S: Service<Req>,
{
    /// Waiting for a place, with the service that was made ready for this call.
    Queued {
        #[pin]
        wait: Wait<Core>,
        call: Option<(S, Req)>,
    },
    /// Running.
    Admitted {
        #[pin]
        inner: S::Future,
        permit: Option<Permit>,
    },
    Refused(Option<Rejection>),
}

impl<S, Req, P> ResponseFuture<S, Req, P>
where
    S: Service<Req>,
{
    #[inline]
    pub(super) fn admitted(inner: S::Future, permit: Permit, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Admitted {
                inner,
                permit: Some(permit),
            },
            protocol,
            wire,
        }
    }

    pub(super) fn queued(
        wait: Wait<Core>,
        service: S,
        request: Req,
        protocol: P,
        wire: Wire,
    ) -> Self {
        Self {
            state: State::Queued {
                wait,
                call: Some((service, request)),
            },
            protocol,
            wire,
        }
    }

    pub(super) fn refused(rejection: Rejection, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Refused(Some(rejection)),
            protocol,
            wire,
        }
    }
}

impl<S, Req, P> Future for ResponseFuture<S, Req, P>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error>,
{
    type Output = Result<P::Response<Permit>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjected::Admitted { inner, permit } => {
                    // Looked at where it is: to take it out is to copy it.
                    let polled = inner.poll(cx);
                    let Poll::Ready(outcome) = &polled else {
                        return Poll::Pending;
                    };
                    if let Some(permit) = permit {
                        permit.answered(this.protocol.judge(*this.wire, outcome));
                    }
                    let permit = permit.take();
                    return polled.map(|outcome| this.protocol.hold_taken(outcome, permit));
                }
                StateProjected::Refused(rejection) => {
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(this.protocol.reject(*this.wire, rejection));
                }
                StateProjected::Queued { .. } => ready!(this.state.as_mut().poll_place(cx)),
            }
        }
    }
}

impl<S, Req> State<S, Req>
where
    S: Service<Req>,
{
    /// Waits for the place. Apart, so that a call that found one at once is short.
    #[cold]
    fn poll_place(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let StateProjected::Queued { wait, call } = self.as_mut().project() else {
            return Poll::Ready(());
        };
        let next = match ready!(wait.poll(cx)) {
            Err(rejection) => Self::Refused(Some(rejection)),
            Ok(permit) => {
                let (mut service, request) = call.take().expect("called once");
                Self::Admitted {
                    inner: service.call(request),
                    permit: Some(permit),
                }
            }
        };
        self.set(next);
        Poll::Ready(())
    }
}

impl<S: Service<Req>, Req, P> fmt::Debug for ResponseFuture<S, Req, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
