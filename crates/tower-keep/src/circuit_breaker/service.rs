use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{Permit, ResponseFuture, front::Front};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A service behind a circuit breaker; made by [`CircuitBreakerLayer`](super::CircuitBreakerLayer).
#[derive(Clone)]
pub struct CircuitBreaker<S, P = Http> {
    inner: S,
    front: Arc<Front>,
    protocol: P,
}

impl<S, P> CircuitBreaker<S, P> {
    pub(super) fn new(inner: S, front: Arc<Front>, protocol: P) -> Self {
        Self {
            inner,
            front,
            protocol,
        }
    }

    inner_accessors!();

    pub(super) fn front(&self) -> &Front {
        &self.front
    }
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

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        if let Some(permit) = self.front.admit_at_once() {
            return self.run(permit, request, wire);
        }
        match self.front.turn_away() {
            Some(short) => ResponseFuture::short(short, self.protocol.clone(), wire),
            None => self.call_by_rule(request, wire),
        }
    }
}

impl<S, P: Clone> CircuitBreaker<S, P> {
    #[inline]
    fn run<Req>(
        &mut self,
        mut permit: Permit,
        request: Req,
        wire: Wire,
    ) -> ResponseFuture<S::Future, P>
    where
        S: Service<Req>,
    {
        let before = permit.set_in_service(true);
        let future = self.inner.call(request);
        permit.set_in_service(before);
        ResponseFuture::admitted(permit, future, self.protocol.clone(), wire)
    }

    /// Makes a call that was let through before.
    pub(super) fn call_with_permit<Req>(
        &mut self,
        permit: Permit,
        request: Req,
    ) -> ResponseFuture<S::Future, P>
    where
        S: Service<Req>,
        P: Inspect<Req>,
    {
        let wire = self.protocol.wire(&request);
        self.run(permit, request, wire)
    }

    /// Apart, as is all that a closed breaker does not do, so that the usual call is short.
    #[cold]
    fn call_by_rule<Req>(&mut self, request: Req, wire: Wire) -> ResponseFuture<S::Future, P>
    where
        S: Service<Req>,
    {
        match self.front.admit_by_rule() {
            Ok(permit) => self.run(permit, request, wire),
            Err(rejection) => ResponseFuture::rejected(rejection, self.protocol.clone(), wire),
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for CircuitBreaker<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("inner", &self.inner)
            .field("breaker", &self.front.core)
            .finish_non_exhaustive()
    }
}
