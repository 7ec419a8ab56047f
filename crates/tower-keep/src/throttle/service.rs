use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{Permit, ResponseFuture, core::Core};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A client that holds calls back while the service turns them away. Made by
/// [`ThrottleLayer`](super::ThrottleLayer).
#[derive(Clone)]
pub struct Throttle<S, P = Http> {
    inner: S,
    core: Arc<Core>,
    protocol: P,
}

impl<S, P> Throttle<S, P> {
    pub(super) fn new(inner: S, core: Arc<Core>, protocol: P) -> Self {
        Self {
            inner,
            core,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, Req, P> Service<Req> for Throttle<S, P>
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
        match self.core.admit_at_once() {
            Some(permit) => self.run(permit, request, wire),
            None => match self.core.admit() {
                Ok(permit) => self.run(permit, request, wire),
                Err(rejection) => ResponseFuture::rejected(rejection, self.protocol.clone(), wire),
            },
        }
    }
}

impl<S, P: Clone> Throttle<S, P> {
    #[inline]
    fn run<Req>(&mut self, permit: Permit, request: Req, wire: Wire) -> ResponseFuture<S::Future, P>
    where
        S: Service<Req>,
    {
        let future = self.inner.call(request);
        ResponseFuture::admitted(permit, future, self.protocol.clone(), wire)
    }
}

impl<S, P> fmt::Debug for Throttle<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}
