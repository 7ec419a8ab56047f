use std::{
    fmt, mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{ResponseFuture, Shadow, ShadowGuard, Side, shadow::Shadowing, shared::Shared};
use crate::{
    common::macros::inner_accessors,
    protocol::{Body, Http, Inspect},
};

/// Two services that answer as one. Made by [`StranglerLayer`](super::StranglerLayer).
///
/// It is ready when neither service is: which one a call needs is known when it comes, and it waits in
/// its future. A service that says it has *failed* is broken for the calls that need it.
pub struct Strangler<S, New, Sh> {
    inner: S,
    new: New,
    /// Whether the old service was ready when last asked.
    is_ready: bool,
    shadow: Sh,
    shared: Shared,
}

impl<S, New, Sh> Strangler<S, New, Sh> {
    pub(super) fn new(inner: S, new: New, shadow: Sh, shared: Shared) -> Self {
        Self {
            inner,
            new,
            is_ready: false,
            shadow,
            shared,
        }
    }

    inner_accessors!();
}

impl<S, New, Sh, ReqB, ResB> Service<Request<ReqB>> for Strangler<S, New, Sh>
where
    S: Service<Request<ReqB>, Response = Response<ResB>, Error: 'static> + Clone,
    New: Service<Request<ReqB>, Response = Response<ResB>, Error = S::Error> + Clone,
    Sh: Shadow<S, ReqB> + Shadow<New, ReqB>,
    ResB: HttpBody<Data = Bytes>,
{
    type Response = Response<Body<ResB, ShadowGuard>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, New, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.is_ready = self.inner.poll_ready(cx)?.is_ready();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let wire = Http::new().wire(&request);
        let head = Http::new()
            .head(&request)
            .expect("a request of HTTP has a head");
        let side = self.shared.side(&head);
        let shadowing = Shadowing(&self.shared);
        let answers = match side {
            Side::Old => self.shadow.start(&shadowing, side, &self.new, &request),
            Side::New => self.shadow.start(&shadowing, side, &self.inner, &request),
        };
        match side {
            Side::Old if mem::take(&mut self.is_ready) => {
                ResponseFuture::old(self.inner.call(request), answers, wire)
            }
            Side::Old => {
                // The one that has been asked may have a place in a queue: it goes, a clone stays.
                let clone = self.inner.clone();
                let asked = mem::replace(&mut self.inner, clone);
                ResponseFuture::wait_for_old(asked, request, answers, wire)
            }
            Side::New => ResponseFuture::wait_for_new(self.new.clone(), request, answers, wire),
        }
    }
}

// By hand: a clone has not asked whether it is ready.
impl<S: Clone, New: Clone, Sh: Clone> Clone for Strangler<S, New, Sh> {
    fn clone(&self) -> Self {
        let (inner, new) = (self.inner.clone(), self.new.clone());
        Self::new(inner, new, self.shadow.clone(), self.shared.clone())
    }
}

impl<S, New, Sh> fmt::Debug for Strangler<S, New, Sh> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strangler")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
