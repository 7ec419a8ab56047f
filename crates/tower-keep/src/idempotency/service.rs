use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{
    FingerprintedBody, Id, ResponseFuture, Store,
    fingerprint::Press,
    future::{Keyed, Terms},
    shared::Shared,
};
use crate::{
    BoxError,
    common::macros::inner_accessors,
    protocol::{Body, Http, Inspect},
};

/// A service that executes each write with a key once. Made by
/// [`IdempotencyLayer`](super::IdempotencyLayer).
#[derive(Clone)]
pub struct Idempotency<S, St> {
    inner: S,
    shared: Shared,
    store: St,
}

impl<S, St> Idempotency<S, St> {
    pub(super) fn new(inner: S, shared: Shared, store: St) -> Self {
        Self {
            inner,
            shared,
            store,
        }
    }

    inner_accessors!();
}

impl<S, St, ReqB, ResB> Service<Request<ReqB>> for Idempotency<S, St>
where
    S: Service<Request<FingerprintedBody<ReqB>>, Response = Response<ResB>> + Clone,
    S::Error: 'static,
    St: Store,
    ReqB: HttpBody<Data = Bytes>,
    ResB: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    type Response = Response<Body<ResB, ()>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqB, ResB, St>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let wire = Http::new().wire(&request);
        let head = Http::new()
            .head(&request)
            .expect("a request of HTTP has a head");
        match self.shared.key(&head) {
            Err(rejection) => ResponseFuture::refused(rejection, wire),
            Ok(None) => {
                let request = request.map(FingerprintedBody::none);
                ResponseFuture::passing(self.inner.call(request), wire)
            }
            Ok(Some((key, config))) => {
                let scope = self.shared.scope.as_ref().and_then(|scope| scope(&head));
                let id = Id::of(&head, key, scope.as_deref());
                let terms = Terms {
                    press: Press::new(&head),
                    keyed: Keyed {
                        live: Arc::clone(&self.shared.live),
                        store: self.store.clone(),
                        config,
                    },
                };
                // The service that was made ready goes along; its clone stays here.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::begin(id, terms, ready, request, wire)
            }
        }
    }
}

impl<S, St> fmt::Debug for Idempotency<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
