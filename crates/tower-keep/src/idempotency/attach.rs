use std::{
    fmt,
    task::{Context, Poll},
};

use http::{HeaderValue, Method};
use tower_layer::Layer;
use tower_service::Service;

use super::id::IDEMPOTENCY_KEY;
use crate::{
    common::{macros::inner_accessors, unique},
    protocol::{Http, Inspect},
};

/// Gives every `POST` and `PATCH` of a client an `Idempotency-Key`, a UUID, unless it has one: so that
/// a retry inside may send it again, and the server knows it again.
///
/// Outside retry and hedge, so that all attempts have the same key. Only for servers that honour the
/// header: retry takes a request with a key for one that may be sent twice.
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_keep::{idempotency::IdempotencyKeyLayer, retry::RetryLayer};
///
/// let stack = ServiceBuilder::new()
///     .layer(IdempotencyKeyLayer::new())
///     .layer(RetryLayer::default());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKeyLayer {
    enabled: bool,
}

impl Default for IdempotencyKeyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl IdempotencyKeyLayer {
    /// Gives writes a key.
    #[must_use]
    pub const fn new() -> Self {
        Self { enabled: true }
    }

    /// Whether it does anything; if not, writes pass as they are.
    #[must_use]
    pub const fn enabled(self, enabled: bool) -> Self {
        Self { enabled }
    }
}

impl<S> Layer<S> for IdempotencyKeyLayer {
    type Service = WithIdempotencyKey<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithIdempotencyKey {
            inner,
            enabled: self.enabled,
        }
    }
}

/// A client whose writes have a key. Made by [`IdempotencyKeyLayer`].
#[derive(Clone)]
pub struct WithIdempotencyKey<S> {
    inner: S,
    enabled: bool,
}

impl<S> WithIdempotencyKey<S> {
    inner_accessors!();
}

impl<S, Req> Service<Req> for WithIdempotencyKey<S>
where
    S: Service<Req>,
    Http: Inspect<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> S::Future {
        let http = Http::new();
        let is_write = |method: &Method| matches!(*method, Method::POST | Method::PATCH);
        if self.enabled
            && http
                .head(&request)
                .is_some_and(|head| is_write(head.method))
            && let Some(headers) = http.headers_mut(&mut request)
            && !headers.contains_key(IDEMPOTENCY_KEY)
        {
            let key = unique::text(unique::uuid());
            let key = HeaderValue::from_maybe_shared(key).expect("a UUID is a header value");
            // A map that is full of the caller's headers goes without.
            let _ = headers.try_insert(IDEMPOTENCY_KEY, key);
        }
        self.inner.call(request)
    }
}

impl<S> fmt::Debug for WithIdempotencyKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithIdempotencyKey").finish_non_exhaustive()
    }
}
