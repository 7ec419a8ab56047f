use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tower_service::Service;

use super::{Flight, choosing::Choosing, pool::Pool};
use crate::{
    protocol::{Protocol, Wire},
    rejection::Rejection,
};

/// The answer of a [`Balanced`](super::Balanced).
///
/// The endpoint is chosen when it is first polled. Dropping it gives the call up.
///
/// # Panics
/// If it has to wait for an endpoint outside of a tokio runtime with time enabled.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
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
    Choosing {
        choosing: Choosing<S, S::Error>,
        request: Option<Req>,
    },
    Flying {
        #[pin]
        inner: S::Future,
        // After the future, so that it is dropped after the future.
        flight: Option<Flight>,
    },
}

/// What came of the choice.
pub(super) enum Chosen<S, E> {
    /// A service that is ready, and the call on its way to it.
    Service(S, Flight),
    /// Every endpoint's service failed; this is the last failure.
    Failed(E, Flight),
    Refused(Rejection),
}

impl<S, Req, P> ResponseFuture<S, Req, P>
where
    S: Service<Req>,
{
    #[inline]
    pub(super) fn new(pool: Arc<Pool<S>>, request: Req, protocol: P, wire: Wire) -> Self {
        Self {
            state: State::Choosing {
                choosing: Choosing::new(pool),
                request: Some(request),
            },
            protocol,
            wire,
        }
    }
}

impl<S, Req, P> Future for ResponseFuture<S, Req, P>
where
    S: Service<Req> + Clone,
    P: Protocol<S::Response, S::Error>,
{
    type Output = Result<P::Response<Flight>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjected::Flying { inner, flight } => {
                    let call = flight.as_mut().expect("not polled after it was ready");
                    let outcome = ready!(call.in_service(|| inner.poll(cx)));
                    let mut flight = flight.take().expect("used just now");
                    let judgment = this.protocol.judge(*this.wire, &outcome);
                    flight.answered(*this.wire, judgment, outcome.is_err());
                    return Poll::Ready(this.protocol.hold(outcome, flight));
                }
                StateProjected::Choosing { choosing, request } => {
                    assert!(request.is_some(), "not polled after it was ready");
                    let (protocol, wire) = (&*this.protocol, *this.wire);
                    let judge = |flight: &mut Flight, error| {
                        let outcome = Err(error);
                        flight.answered(wire, protocol.judge(wire, &outcome), true);
                        outcome.err().expect("made of an error just now")
                    };
                    let chosen = ready!(choosing.poll::<Req>(cx, judge));
                    let request = request.take().expect("there is one, as asserted");
                    match chosen {
                        Chosen::Service(mut service, mut flight) => {
                            let inner = flight.in_service(|| service.call(request));
                            let flight = Some(flight);
                            this.state.set(State::Flying { inner, flight });
                        }
                        Chosen::Failed(error, flight) => {
                            return Poll::Ready(protocol.hold(Err(error), flight));
                        }
                        Chosen::Refused(rejection) => {
                            return Poll::Ready(protocol.reject(wire, rejection));
                        }
                    }
                }
            }
        }
    }
}

impl<S: Service<Req>, Req, P> fmt::Debug for ResponseFuture<S, Req, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Choosing { .. } => "choosing",
            State::Flying { .. } => "flying",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
