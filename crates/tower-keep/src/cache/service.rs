use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{ResponseFuture, Storing, job::Plan, shared::Shared};
use crate::{common::macros::inner_accessors, protocol::Body};

/// A service whose answers are given again while they are good. Made by
/// [`CacheLayer`](super::CacheLayer).
pub struct Cache<S> {
    inner: S,
    /// Whether the service inside was ready when last asked.
    is_ready: bool,
    shared: Arc<Shared>,
}

impl<S> Cache<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self {
            inner,
            is_ready: false,
            shared,
        }
    }

    inner_accessors!();
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Cache<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    S::Error: 'static,
    ReqB: HttpBody,
    ResB: HttpBody,
{
    type Response = Response<Body<ResB, Storing>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Request<ReqB>, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.is_ready = self.inner.poll_ready(cx)?.is_ready();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let job = match self.shared.plan(&mut request) {
            // What the service inside has reserved stays reserved for the next call.
            Plan::Answer(answer) => return ResponseFuture::answered(answer, self.shared.clone()),
            Plan::Call(job) => job,
        };
        let shared = self.shared.clone();
        if mem::take(&mut self.is_ready) {
            return ResponseFuture::calling(self.inner.call(request), job, shared);
        }
        // The one that has been asked may have a place in a queue: it goes, a clone stays.
        let clone = self.inner.clone();
        let asked = mem::replace(&mut self.inner, clone);
        ResponseFuture::waiting(asked, request, job, shared)
    }
}

// By hand: a clone has not asked whether it is ready.
impl<S: Clone> Clone for Cache<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.shared.clone())
    }
}

impl<S> fmt::Debug for Cache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
