use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{Recorded, ResponseFuture, layer::Trusted, shared::Shared};
use crate::{
    common::macros::inner_accessors,
    observe::recording,
    protocol::{Body, Http, Inspect},
};

/// A service that writes down what is done with each call. Made by
/// [`DecisionLayer`](super::DecisionLayer).
#[derive(Clone)]
pub struct DecisionService<S> {
    inner: S,
    shared: Arc<Shared>,
    trusted: Option<Arc<Trusted>>,
}

impl<S> DecisionService<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, trusted: Option<Arc<Trusted>>) -> Self {
        Self {
            inner,
            shared,
            trusted,
        }
    }

    inner_accessors!();
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for DecisionService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error: 'static>,
    ResBody: HttpBody,
{
    type Response = Response<Body<ResBody, Recorded>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let mut recorded = Recorded::new(&self.shared);
        let server_timing = recorded.decision.is_some()
            && self.trusted.as_deref().is_some_and(|trusted| {
                let head = Http::new().head(&request);
                head.is_some_and(|head| trusted(&head))
            });
        let inner = recording(&mut recorded.decision, || self.inner.call(request));
        ResponseFuture::new(inner, recorded, server_timing)
    }
}

impl<S> fmt::Debug for DecisionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionService")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
