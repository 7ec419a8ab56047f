use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project::pin_project;

use super::{Permit, front::Open};
use crate::{
    classify::Judgment,
    common::rare::Rare,
    protocol::{Protocol, Wire},
    rejection::{Rejection, Short},
};

/// The answer of a [`CircuitBreaker`](super::CircuitBreaker).
///
/// Dropped before it is ready, the call was given up: see [`Permit`].
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
        permit: Permit,
    },
    Rejected(#[pin] Rare<Option<Rejection>>),
    /// The same on arrival, while all are.
    Short(Option<Short<Open>>),
}

impl<F, P> ResponseFuture<F, P> {
    #[inline]
    pub(super) fn admitted(permit: Permit, future: F, protocol: P, wire: Wire) -> Self {
        Self {
            call: Call::Admitted { future, permit },
            protocol,
            wire,
        }
    }

    #[inline]
    pub(super) fn short(short: Short<Open>, protocol: P, wire: Wire) -> Self {
        Self {
            call: Call::Short(Some(short)),
            protocol,
            wire,
        }
    }

    pub(super) fn rejected(rejection: Rejection, protocol: P, wire: Wire) -> Self {
        Self {
            call: Call::Rejected(Rare::new(Some(rejection))),
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

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (future, permit) = match this.call.project() {
            CallProjected::Admitted { future, permit } => (future, permit),
            CallProjected::Short(short) => {
                return Poll::Ready(Short::answer(short, this.protocol, *this.wire));
            }
            CallProjected::Rejected(rejection) => {
                return Poll::Ready(reject(this.protocol, *this.wire, rejection));
            }
        };
        assert!(!permit.is_spent(), "not polled after it was ready");
        let before = permit.set_in_service(true);
        let polled = future.poll(cx);
        permit.set_in_service(before);
        let Poll::Ready(outcome) = polled else {
            permit.waits();
            return Poll::Pending;
        };
        Poll::Ready(match this.protocol.judge(*this.wire, &outcome) {
            Judgment::Final(verdict) => {
                permit.decided(verdict);
                this.protocol.hold(outcome, Permit::SPENT)
            }
            Judgment::AtEnd(at_end) => this.protocol.hold(outcome, permit.answered(at_end)),
        })
    }
}

/// Apart, as is all that a closed breaker does not do.
#[cold]
#[inline(never)]
fn reject<P, Res, Err>(
    protocol: &P,
    wire: Wire,
    rejection: Pin<&mut Rare<Option<Rejection>>>,
) -> Result<P::Response<Permit>, Err>
where
    P: Protocol<Res, Err>,
{
    let rejection = rejection.get().get_mut().take();
    protocol.reject(wire, rejection.expect("not polled after it was ready"))
}

impl<F, P> fmt::Debug for ResponseFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.call {
            Call::Admitted { .. } => "admitted",
            Call::Rejected(_) | Call::Short(_) => "rejected",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
