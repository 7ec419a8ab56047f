use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    BodyTimer, ResponseFuture,
    arrival::{Allowance, Choose},
    shared::Shared,
};
use crate::{
    common::{macros::inner_accessors, until},
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A service whose calls have a deadline. Made by [`TimeoutLayer`](super::TimeoutLayer).
#[derive(Clone)]
pub struct Timeout<S, P = Http> {
    inner: S,
    shared: Arc<Shared>,
    choose: Option<Arc<Choose>>,
    protocol: P,
}

impl<S, P> Timeout<S, P> {
    pub(super) fn new(
        inner: S,
        shared: Arc<Shared>,
        choose: Option<Arc<Choose>>,
        protocol: P,
    ) -> Self {
        Self {
            inner,
            shared,
            choose,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for Timeout<S, P>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<BodyTimer>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let protocol = self.protocol.clone();
        let wire = protocol.wire(&request);
        let allowance = match wire {
            Wire::Plain => Allowance::unread(&self.shared),
            Wire::Grpc | Wire::HeadOnly | Wire::Http => {
                let choose = self.choose.as_deref();
                Allowance::read(&protocol, &mut request, wire, &self.shared, choose)
            }
        };
        let call = allowance.map(|mut allowance| {
            // What the service does before its future is polled is under the deadline too.
            let inner = until::within(&mut allowance.head, || self.inner.call(request));
            (inner, allowance)
        });
        ResponseFuture::new(call, self.shared.clone(), protocol, wire)
    }
}

impl<S, P> fmt::Debug for Timeout<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
