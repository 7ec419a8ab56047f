use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower_service::Service;

use super::{
    Permit, ResponseFuture,
    core::{Admission, Core},
    rules::Rules,
};
use crate::{
    common::{macros::inner_accessors, permits::Wait},
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A service that as many calls are in at once as it can take. Made by
/// [`AdaptiveLayer`](super::AdaptiveLayer).
#[derive(Clone)]
pub struct Adaptive<S, P = Http> {
    inner: S,
    core: Arc<Core>,
    rules: Rules,
    protocol: P,
}

impl<S, P> Adaptive<S, P> {
    pub(super) fn new(inner: S, core: Arc<Core>, rules: Rules, protocol: P) -> Self {
        Self {
            inner,
            core,
            rules,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for Adaptive<S, P>
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
        if self.rules.are_none()
            && let Some(permit) = self.core.try_run_unseen()
        {
            let inner = self.inner.call(request);
            return ResponseFuture::admitted(inner, permit, self.protocol.clone(), wire);
        }
        self.call_with_care(request, wire)
    }
}

impl<S, P: Clone> Adaptive<S, P> {
    /// For a call whose head has to be looked at, that somebody wants to be told of, or that finds no
    /// place. Apart, so that the usual call is short.
    #[inline(never)]
    fn call_with_care<Req>(&mut self, request: Req, wire: Wire) -> ResponseFuture<S, Req, P>
    where
        S: Service<Req> + Clone,
        P: Inspect<Req>,
    {
        let protocol = self.protocol.clone();
        let head = (!self.rules.are_none())
            .then(|| protocol.head(&request))
            .flatten();
        if self.rules.exempts(head.as_ref()) {
            let inner = self.inner.call(request);
            return ResponseFuture::admitted(inner, Permit::exempt(), protocol, wire);
        }
        let partition = self.rules.partition(head.as_ref());
        let tag = partition.and_then(|name| self.core.partitions.find(name));
        match self.core.arrive(tag) {
            Admission::Permit(mut permit) => {
                permit.announce(|| Duration::ZERO);
                ResponseFuture::admitted(self.inner.call(request), permit, protocol, wire)
            }
            Admission::Refused(rejection) => ResponseFuture::refused(rejection, protocol, wire),
            Admission::Wait(waiter) => {
                // The service that was made ready goes into the queue; its clone stays here.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::queued(Wait::new(waiter), ready, request, protocol, wire)
            }
        }
    }
}

impl<S, P> fmt::Debug for Adaptive<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive")
            .field("limit", &self.core)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
