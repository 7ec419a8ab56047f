use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;

use super::Permit;
use crate::{
    protocol::{Protocol, Wire},
    rejection::Rejection,
};

/// The answer of a [`Throttle`](super::Throttle).
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<F, P> {
    #[pin]
    call: Call<F>,
    protocol: P,
    wire: Wire,
}

#[pin_project(project = CallProjected)]
enum Call<F> {
    Admitted {
        #[pin]
        future: F,
        // After the future, so that it is dropped after the future.
        permit: Option<Permit>,
    },
    Rejected(Option<Rejection>),
}

impl<F, P> ResponseFuture<F, P> {
    #[inline]
    pub(super) fn admitted(permit: Permit, future: F, protocol: P, wire: Wire) -> Self {
        Self {
            call: Call::Admitted {
                future,
                permit: Some(permit),
            },
            protocol,
            wire,
        }
    }

    pub(super) fn rejected(rejection: Rejection, protocol: P, wire: Wire) -> Self {
        Self {
            call: Call::Rejected(Some(rejection)),
            protocol,
            wire,
        }
    }
}

impl<F, P, Res, Err> Future for ResponseFuture<F, P>
where
    F: Future<Output = Result<Res, Err>>,
    P: Protocol<Res, Err>,
{
    type Output = Result<P::Response<Permit>, Err>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(match this.call.project() {
            CallProjected::Admitted { future, permit } => {
                let outcome = ready!(future.poll(cx));
                let permit = permit.take().expect("not polled after it was ready");
                let judgment = this.protocol.judge(*this.wire, &outcome);
                this.protocol.hold(outcome, permit.answered(judgment))
            }
            CallProjected::Rejected(rejection) => {
                let rejection = rejection.take().expect("not polled after it was ready");
                this.protocol.reject(*this.wire, rejection)
            }
        })
    }
}

impl<F, P> fmt::Debug for ResponseFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
