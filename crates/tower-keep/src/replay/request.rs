//! What a request's extensions and headers say about retries.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method};

use crate::{
    context::{PREVIOUS_ATTEMPTS, RETRY_ATTEMPT},
    protocol::Wire,
};

/// Request extension: which attempt this is, for the layers and handlers inside.
///
/// The first attempt has none, so that it costs nothing: no `Attempt` means 1. Upstream sees the same
/// number in the header `x-retry-attempt`, and on gRPC one less in `grpc-previous-rpc-attempts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt(pub u32);

impl Attempt {
    /// Which attempt a request is.
    #[must_use]
    pub fn of<B>(request: &http::Request<B>) -> Self {
        request.extensions().get().copied().unwrap_or(Self(1))
    }
}

/// Request extension: doing this twice is the same as doing it once, whatever its method says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retryable;

/// Whether doing it twice is the same as doing it once: by method (RFC 9110, 9.2.2), by key, or
/// because somebody said so.
pub(crate) fn is_idempotent(method: &Method, headers: &HeaderMap, extensions: &Extensions) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    ) || headers.contains_key(IDEMPOTENCY_KEY)
        || extensions.get::<Retryable>().is_some()
}

/// Tells everybody further in which attempt this is.
pub(super) fn mark(headers: &mut HeaderMap, extensions: &mut Extensions, attempt: u32, wire: Wire) {
    extensions.insert(Attempt(attempt));
    // A map that is full of the caller's headers goes without.
    let _ = headers.try_insert(&RETRY_ATTEMPT, HeaderValue::from(attempt));
    if wire == Wire::Grpc {
        let _ = headers.try_insert(&PREVIOUS_ATTEMPTS, HeaderValue::from(attempt - 1));
    }
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
