use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::StatusCode;
use pin_project::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use super::{ChaosGuard, LAYER};
use crate::{
    common::name::Name,
    protocol::{Protocol, Wire},
    rejection::{Kind, Rejection},
};

/// The answer of a [`Chaos`](super::Chaos).
#[pin_project]
pub struct ResponseFuture<S, Req, P>
where
    S: Service<Req>,
{
    #[pin]
    state: State<S, Req>,
    guard: Option<ChaosGuard>,
    protocol: P,
    wire: Wire,
}

#[pin_project(project = Projected)]
enum State<S, Req>
where
    S: Service<Req>,
{
    Delayed {
        #[pin]
        sleep: Sleep,
        call: Option<(S, Req)>,
    },
    Calling(#[pin] S::Future),
    Refused(Option<Rejection>),
}

impl<S, Req, P> ResponseFuture<S, Req, P>
where
    S: Service<Req>,
{
    #[inline]
    pub(super) fn calling(inner: S::Future, guard: ChaosGuard, protocol: P, wire: Wire) -> Self {
        Self::new(State::Calling(inner), guard, protocol, wire)
    }

    pub(super) fn delayed(
        latency: Duration,
        service: S,
        request: Req,
        guard: ChaosGuard,
        protocol: P,
        wire: Wire,
    ) -> Self {
        let state = State::Delayed {
            sleep: tokio::time::sleep(latency),
            call: Some((service, request)),
        };
        Self::new(state, guard, protocol, wire)
    }

    pub(super) fn refused(status: u16, name: Name, protocol: P, wire: Wire) -> Self {
        let status = StatusCode::from_u16(status).expect("the configuration is checked");
        let rejection = Rejection::new(Kind::FaultInjected, LAYER, name).with_status(status);
        let state = State::Refused(Some(rejection));
        Self::new(state, ChaosGuard::none(), protocol, wire)
    }

    fn new(state: State<S, Req>, guard: ChaosGuard, protocol: P, wire: Wire) -> Self {
        Self {
            state,
            guard: Some(guard),
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
    type Output = Result<P::Response<ChaosGuard>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Projected::Calling(inner) => {
                    let outcome = ready!(inner.poll(cx));
                    let guard = this.guard.take().expect("polled after completion");
                    return Poll::Ready(this.protocol.hold(outcome, guard));
                }
                Projected::Refused(rejection) => {
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(this.protocol.reject(*this.wire, rejection));
                }
                Projected::Delayed { sleep, call } => {
                    ready!(sleep.poll(cx));
                    let (mut service, request) = call.take().expect("called once");
                    service.call(request)
                }
            };
            this.state.set(State::Calling(next));
        }
    }
}

impl<S: Service<Req>, Req, P> fmt::Debug for ResponseFuture<S, Req, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
