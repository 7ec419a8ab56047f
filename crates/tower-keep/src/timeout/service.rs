use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    BodyTimer, ResponseFuture,
    arrival::{Allowance, Choose},
    shared::{Acting, Shared},
};
use crate::{
    common::{
        macros::inner_accessors,
        until::{self, Within},
    },
    observe::Fact,
    protocol::{Http, Inspect, Protocol, Wire},
    rejection::Kind,
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

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        if wire == Wire::Plain
            && let Some(mut until) = self.shared.usual()
            && until::is_usual()
        {
            // What the service does before its future is polled is under the deadline too.
            let within = Within::new(&mut until);
            let inner = self.inner.call(request);
            drop(within);
            let protocol = self.protocol.clone();
            return ResponseFuture::usual(inner, until, self.shared.clone(), protocol);
        }
        self.call_with_care(request, wire)
    }
}

impl<S, P: Clone> Timeout<S, P> {
    /// For a call that something has to be looked at for. Apart, so that the usual call is short.
    #[inline(never)]
    fn call_with_care<Req>(&mut self, mut request: Req, wire: Wire) -> ResponseFuture<S::Future, P>
    where
        S: Service<Req>,
        P: Inspect<Req>,
    {
        let protocol = self.protocol.clone();
        let (timeout, acting) = self.shared.timeout();
        let allowance = match wire {
            _ if acting == Acting::Not => Some(Allowance::NONE),
            Wire::Plain => Allowance::unread(timeout, acting),
            Wire::Grpc | Wire::HeadOnly | Wire::Http => {
                let choose = self.choose.as_deref();
                let rule = (timeout, acting);
                Allowance::read(&protocol, &mut request, wire, &self.shared, choose, rule)
            }
        };
        let allowance = match (allowance, acting) {
            (None, Acting::InWords) => {
                self.shared.would_refuse(Kind::DeadlineExpired);
                Some(Allowance::NONE)
            }
            (allowance, _) => allowance,
        };
        self.shared.emitter.note(|| {
            let left = allowance.as_ref()?.left()?;
            Some(Fact::Deadline { left })
        });
        let shared = self.shared.clone();
        let Some(mut allowance) = allowance else {
            return ResponseFuture::new(None, Allowance::NONE, shared, protocol, wire);
        };
        let within = allowance.enter();
        let inner = self.inner.call(request);
        drop(within);
        ResponseFuture::new(Some(inner), allowance, shared, protocol, wire)
    }
}

impl<S, P> fmt::Debug for Timeout<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
