use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower_service::Service;

use super::{
    future::ResponseFuture,
    permit::Permit,
    permits::{Admission, Permits},
    wait::Wait,
};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A service that at most so many calls are in at once. Made by
/// [`BulkheadLayer`](super::BulkheadLayer).
#[derive(Clone)]
pub struct Bulkhead<S, P = Http> {
    inner: S,
    permits: Arc<Permits>,
    protocol: P,
}

impl<S, P> Bulkhead<S, P> {
    pub(super) fn new(inner: S, permits: Arc<Permits>, protocol: P) -> Self {
        Self {
            inner,
            permits,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for Bulkhead<S, P>
where
    S: Service<Req> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<Permit>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        match self.permits.try_run_unseen() {
            Some(permit) => {
                let inner = self.inner.call(request);
                ResponseFuture::admitted(inner, permit, self.protocol.clone(), wire)
            }
            None => self.call_with_care(request, wire),
        }
    }
}

impl<S, P: Clone> Bulkhead<S, P> {
    /// For a call that somebody wants to be told of, or that finds no place. Apart, so that the usual
    /// call is short.
    #[inline(never)]
    fn call_with_care<Req>(&mut self, request: Req, wire: Wire) -> ResponseFuture<S, Req, P>
    where
        S: Service<Req> + Clone,
    {
        let protocol = self.protocol.clone();
        match self.permits.arrive() {
            Admission::Permit(mut permit) => {
                permit.announce(|| Duration::ZERO);
                ResponseFuture::admitted(self.inner.call(request), permit, protocol, wire)
            }
            Admission::Refused(rejection) => ResponseFuture::refused(rejection, protocol, wire),
            Admission::Wait(waiter) => {
                // The service that was made ready goes into the queue; its clone stays here.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let wait = Wait::new(self.permits.clone(), waiter);
                ResponseFuture::queued(wait, ready, request, protocol, wire)
            }
        }
    }
}

impl<S, P> std::fmt::Debug for Bulkhead<S, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bulkhead")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}
