use std::task::{Context, Poll};

use tower_service::Service;

use super::{ResponseFuture, shared::Shared};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect},
};

/// A service whose calls may outlive their callers. Made by [`DetachLayer`](super::DetachLayer).
#[derive(Clone, Debug)]
pub struct Detach<S, P = Http> {
    inner: S,
    shared: Shared,
    protocol: P,
}

impl<S, P> Detach<S, P> {
    pub(super) fn new(inner: S, shared: Shared, protocol: P) -> Self {
        Self {
            inner,
            shared,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for Detach<S, P>
where
    S: Service<Req, Future: Send + 'static>,
    P: Inspect<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let is_meant = self.shared.is_meant(self.protocol.head(&request));
        let call = self.inner.call(request);
        if is_meant {
            ResponseFuture::free(call, self.shared.live.clone())
        } else {
            ResponseFuture::tied(call)
        }
    }
}
