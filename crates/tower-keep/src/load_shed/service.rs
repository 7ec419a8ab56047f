use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower_service::Service;

use super::{
    Permit,
    arrival::{Admission, Call},
    future::ResponseFuture,
    rules::Rules,
    shared::Shared,
    wait::Wait,
};
use crate::{
    common::macros::inner_accessors,
    context::{self, Priority},
    protocol::{Http, Inspect, Protocol, Wire},
};

/// A service that sheds what it cannot do in time. Made by [`LoadShedLayer`](super::LoadShedLayer).
#[derive(Clone)]
pub struct LoadShed<S, P = Http> {
    inner: S,
    shared: Arc<Shared>,
    rules: Arc<Rules>,
    protocol: P,
}

impl<S, P> LoadShed<S, P> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, rules: Arc<Rules>, protocol: P) -> Self {
        Self {
            inner,
            shared,
            rules,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, Req> Service<Req> for LoadShed<S, P>
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
        let gate = self.shared.gate();
        if gate.is_off() {
            return self.run(Permit::none(), request, wire);
        }
        let head = self.protocol.head(&request);
        let priority = head.and_then(|head| self.rules.priority(&head, gate.reads_header()));
        let is_usual =
            gate.is_plain() && self.rules.tenant.is_none() && !self.shared.emitter.wants_calls();
        if is_usual && let Some(permit) = self.shared.try_run(gate.limit()) {
            let permit = permit.with_priority(news(priority));
            return self.run(permit, request, wire);
        }
        self.call_with_care(request, wire, priority)
    }
}

/// A priority that is not what the call has anyway.
#[inline]
fn news(priority: Option<Priority>) -> Option<Priority> {
    priority.filter(|_| priority != context::priority())
}

impl<S, P: Clone> LoadShed<S, P> {
    #[inline]
    fn run<Req>(&mut self, permit: Permit, request: Req, wire: Wire) -> ResponseFuture<S, Req, P>
    where
        S: Service<Req>,
    {
        let inner = permit.run(|| self.inner.call(request));
        ResponseFuture::admitted(inner, permit, self.protocol.clone(), wire)
    }

    /// For a call that finds no place, or of which there is more to know. Apart, so that the usual call
    /// is short.
    #[inline(never)]
    fn call_with_care<Req>(
        &mut self,
        request: Req,
        wire: Wire,
        priority: Option<Priority>,
    ) -> ResponseFuture<S, Req, P>
    where
        S: Service<Req> + Clone,
        P: Inspect<Req>,
    {
        let head = self.protocol.head(&request);
        let call = Call {
            priority,
            tenant: self.rules.tenant(head.as_ref()),
            exempt: self.rules.is_exempt(head.as_ref()),
        };
        match self.shared.arrive(&call) {
            Admission::Permit(permit) => {
                let mut permit = permit.with_priority(news(priority));
                permit.announce(Duration::ZERO);
                self.run(permit, request, wire)
            }
            Admission::Refused(rejection) => {
                ResponseFuture::refused(rejection, self.protocol.clone(), wire)
            }
            Admission::Wait(waiter) => {
                // The service that was made ready goes into the queue; its clone stays here.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let call = (ready, request);
                let protocol = self.protocol.clone();
                ResponseFuture::queued(Wait::new(waiter), news(priority), call, protocol, wire)
            }
        }
    }
}

impl<S, P> fmt::Debug for LoadShed<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadShed")
            .field("shared", &self.shared)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
