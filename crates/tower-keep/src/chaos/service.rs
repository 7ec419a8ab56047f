use std::{
    mem,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{ChaosGuard, Fault, ResponseFuture, shared::Shared};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol},
};

/// A service of which some calls suffer. Made by [`ChaosLayer`](super::ChaosLayer).
#[derive(Clone, Debug)]
pub struct Chaos<S, P = Http> {
    inner: S,
    shared: Shared,
    protocol: P,
}

impl<S, P> Chaos<S, P> {
    pub(super) fn new(inner: S, shared: Shared, protocol: P) -> Self {
        Self {
            inner,
            shared,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for Chaos<S, P>
where
    S: Service<Req> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<ChaosGuard>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let protocol = self.protocol.clone();
        let wire = protocol.wire(&request);
        let name = || self.shared.live.emitter.name();
        match self.shared.choose(|| protocol.head(&request)) {
            None => {
                let inner = self.inner.call(request);
                ResponseFuture::calling(inner, ChaosGuard::none(), protocol, wire)
            }
            Some(suffering) => match suffering.fault {
                Fault::Latency { .. } => {
                    let latency = suffering.latency;
                    let guard = ChaosGuard::new(suffering, name());
                    // The service that was made ready waits; its clone stays here.
                    let clone = self.inner.clone();
                    let ready = mem::replace(&mut self.inner, clone);
                    ResponseFuture::delayed(latency, ready, request, guard, protocol, wire)
                }
                Fault::Status(status) => ResponseFuture::refused(status, name(), protocol, wire),
                Fault::Error => ResponseFuture::refused(500, name(), protocol, wire),
                _ => {
                    let guard = ChaosGuard::new(suffering, name());
                    ResponseFuture::calling(self.inner.call(request), guard, protocol, wire)
                }
            },
        }
    }
}
