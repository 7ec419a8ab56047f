use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    Meter, One, Price, admit::Admission, attention::Attention, future::ResponseFuture,
    shared::Shared, wait::Wait,
};
use crate::{
    common::macros::inner_accessors,
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A service that so many calls start in a time. Made by [`RateLimitLayer`](super::RateLimitLayer).
#[derive(Clone)]
pub struct RateLimit<S, P = Http, C = One> {
    inner: S,
    shared: Arc<Shared>,
    protocol: P,
    price: C,
}

impl<S, P, C> RateLimit<S, P, C> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, protocol: P, price: C) -> Self {
        Self {
            inner,
            shared,
            protocol,
            price,
        }
    }

    inner_accessors!();
}

impl<S, P, C, Req> Service<Req> for RateLimit<S, P, C>
where
    S: Service<Req> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
    C: Price<Req, S::Response>,
{
    type Response = P::Response<()>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        if C::FLAT {
            let now = match self.shared.admit_at_once() {
                Ok(()) => {
                    let inner = self.inner.call(request);
                    return ResponseFuture::usual(inner, self.protocol.clone(), wire);
                }
                Err(now) => now,
            };
            if let Some(short) = self.shared.turn_away(now) {
                return ResponseFuture::short(short, self.protocol.clone(), wire);
            }
        }
        self.call_with_care(request, wire)
    }
}

impl<S, P: Clone, C> RateLimit<S, P, C> {
    /// For a call that something has to be looked at for, or that finds no permit. Apart, so that the
    /// usual call is short.
    #[inline(never)]
    fn call_with_care<Req>(&mut self, mut request: Req, wire: Wire) -> ResponseFuture<S, Req, P, C>
    where
        S: Service<Req> + Clone,
        P: Inspect<Req>,
        C: Price<Req, S::Response>,
    {
        let protocol = self.protocol.clone();
        let cost = self.price.estimate(&request);
        let meter = self.meter(&mut request);
        let mut attention = (C::METERED || meter.is_some() || self.shared.flags().attend())
            .then(|| Attention::new(self.shared.clone(), self.price.clone(), meter));
        match self.shared.arrive(cost) {
            Admission::Start(receipt) => {
                if let Some(attention) = &mut attention {
                    attention.paid(receipt);
                }
                ResponseFuture::attended(self.inner.call(request), attention, protocol, wire)
            }
            Admission::Refused(rejection) => {
                ResponseFuture::refused(rejection, attention, protocol, wire)
            }
            Admission::Wait(ticket) => {
                let wait = Wait::new(self.shared.clone(), ticket);
                // The service that was made ready waits; its clone stays here.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(wait, (ready, request), attention, protocol, wire)
            }
        }
    }

    /// The meter that came with a request whose cost is not just one.
    fn meter<Req>(&self, request: &mut Req) -> Option<Meter>
    where
        S: Service<Req>,
        P: Inspect<Req>,
        C: Price<Req, S::Response>,
    {
        if C::FLAT {
            return None;
        }
        let extensions = self.protocol.extensions_mut(request)?;
        if C::METERED {
            return Some(extensions.get_or_insert_with(Meter::new).clone());
        }
        extensions.get().cloned()
    }
}

impl<S, P, C> fmt::Debug for RateLimit<S, P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
