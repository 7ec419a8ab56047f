use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{Permit, ResponseFuture, core::Core};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol},
};

/// A service behind a circuit breaker; made by [`CircuitBreakerLayer`](super::CircuitBreakerLayer).
#[derive(Clone)]
pub struct CircuitBreaker<S, P = Http> {
    inner: S,
    core: Arc<Core>,
    protocol: P,
}

impl<S, P> CircuitBreaker<S, P> {
    pub(super) fn new(inner: S, core: Arc<Core>, protocol: P) -> Self {
        Self {
            inner,
            core,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, Req, P> Service<Req> for CircuitBreaker<S, P>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<Permit>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        let protocol = self.protocol.clone();
        match self.core.admit() {
            Ok(mut permit) => {
                let future = permit.in_service(|| self.inner.call(request));
                ResponseFuture::admitted(permit, future, protocol, wire)
            }
            Err(rejection) => ResponseFuture::rejected(rejection, protocol, wire),
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for CircuitBreaker<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("inner", &self.inner)
            .field("breaker", &self.core)
            .finish_non_exhaustive()
    }
}
