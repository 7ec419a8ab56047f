use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower_service::Service;

use super::{
    future::{Queued, ResponseFuture},
    permit::Permit,
    permits::{Admission, Permits},
};
use crate::{
    common::{macros::inner_accessors, permits::Waiter},
    protocol::{Http, Inspect, Protocol},
    rejection::Rejection,
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

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let protocol = self.protocol.clone();
        let is_unseen = !self.permits.emitter.wants_calls();
        if is_unseen {
            if let Some(permit) = self.permits.try_run() {
                return ResponseFuture::admitted(self.inner.call(request), permit, protocol);
            }
            if let Some(short) = self.permits.turn_away() {
                let wire = protocol.wire(&request);
                return ResponseFuture::short(short, protocol, wire);
            }
        }
        match self.admit_with_care(is_unseen) {
            Ok(permit) => ResponseFuture::admitted(self.inner.call(request), permit, protocol),
            Err(Refused::For(rejection)) => {
                let wire = protocol.wire(&request);
                ResponseFuture::refused(rejection, protocol, wire)
            }
            Err(Refused::MustWait(waiter)) => {
                let wire = protocol.wire(&request);
                ResponseFuture::queued(self.queued(waiter, request), protocol, wire)
            }
        }
    }
}

/// Why a call does not run at once.
enum Refused {
    MustWait(Waiter<Permits>),
    For(Rejection),
}

impl<S, P> Bulkhead<S, P> {
    /// For a call that somebody wants to be told of, or that finds no place. Apart, so that the usual
    /// call is short.
    #[inline(never)]
    fn admit_with_care(&self, is_late: bool) -> Result<Permit, Refused> {
        let admission = if is_late {
            self.permits.arrive_late()
        } else {
            self.permits.arrive()
        };
        match admission {
            Admission::Permit(mut permit) => {
                permit.announce(&self.permits, || Duration::ZERO);
                Ok(permit)
            }
            Admission::Refused(rejection) => Err(Refused::For(rejection)),
            Admission::Wait(waiter) => Err(Refused::MustWait(waiter)),
        }
    }

    #[cold]
    fn queued<Req>(&mut self, waiter: Waiter<Permits>, request: Req) -> Pin<Box<Queued<S, Req>>>
    where
        S: Clone,
    {
        // The service that was made ready goes into the queue; its clone stays here.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        Queued::new(waiter, ready, request)
    }
}

impl<S, P> std::fmt::Debug for Bulkhead<S, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bulkhead")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}
