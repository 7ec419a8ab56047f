use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{PanicGuard, ResponseFuture, shared::Shared};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol},
};

/// A service whose panics are answers. Made by [`CatchPanicLayer`](super::CatchPanicLayer).
///
/// A panic in `poll_ready` goes on: there is no call yet that could be answered.
#[derive(Clone, Debug)]
pub struct CatchPanic<S, P = Http> {
    inner: S,
    shared: Arc<Shared>,
    protocol: P,
}

impl<S, P> CatchPanic<S, P> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, protocol: P) -> Self {
        Self {
            inner,
            shared,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for CatchPanic<S, P>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<PanicGuard>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        let (shared, protocol) = (self.shared.clone(), self.protocol.clone());
        ResponseFuture::new(|| self.inner.call(request), shared, protocol, wire)
    }
}
