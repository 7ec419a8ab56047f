use std::fmt::Write;

use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Body as HttpBody;

use super::{
    Body, Guard, Http, Inspect, Protocol, Wire,
    http::{found, hold},
    inspect::inspect_http,
};
use crate::{classify::Judgment, rejection::Rejection};

/// gRPC and nothing else: tonic servers and channels.
///
/// A refusal is a trailers-only status, and what counts as a failure is
/// [`GrpcCode`](crate::classify::GrpcCode)'s to say. [`Http`](super::Http) does the same for
/// requests that look like gRPC; this protocol does not look.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Grpc;

impl Grpc {
    /// gRPC.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<B, E> Protocol<Response<B>, E> for Grpc
where
    B: HttpBody,
    E: 'static,
{
    type Response<G: Guard> = Response<Body<B, G>>;

    fn reject<G: Guard>(&self, _: Wire, rejection: Rejection) -> Result<Self::Response<G>, E> {
        Ok(refusal(rejection))
    }

    fn judge(&self, _: Wire, outcome: &Result<Response<B>, E>) -> Judgment {
        Http::new().judge(Wire::Grpc, outcome)
    }

    #[inline]
    fn hold<G: Guard>(
        &self,
        outcome: Result<Response<B>, E>,
        guard: G,
    ) -> Result<Self::Response<G>, E> {
        hold(outcome, Some(guard))
    }

    #[inline]
    fn hold_taken<G: Guard>(
        &self,
        outcome: Result<Response<B>, E>,
        guard: Option<G>,
    ) -> Result<Self::Response<G>, E> {
        hold(outcome, guard)
    }

    fn rejection<'a>(&self, outcome: &'a Result<Response<B>, E>) -> Option<&'a Rejection> {
        found(outcome)
    }

    fn answer_headers<'a>(&self, outcome: &'a Result<Response<B>, E>) -> Option<&'a HeaderMap> {
        outcome.as_ref().ok().map(Response::headers)
    }

    fn answer_headers_mut<'a, G: Guard>(
        &self,
        response: &'a mut Self::Response<G>,
    ) -> Option<&'a mut HeaderMap> {
        Some(response.headers_mut())
    }
}

impl<B> Inspect<Request<B>> for Grpc {
    inspect_http!(B);

    fn wire(&self, _: &Request<B>) -> Wire {
        Wire::Grpc
    }
}

/// Whether a content type is `application/grpc`, alone or with a codec or parameters.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
        // Not gRPC-Web, which has a framing of its own.
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The answer to a call that was turned away: a status in the head and no body.
pub(super) fn refusal<B: HttpBody, G: Guard>(rejection: Rejection) -> Response<Body<B, G>> {
    let mut response = Response::new(Body::full(bytes::Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(
        "grpc-status",
        HeaderValue::from(rejection.grpc_code() as u16),
    );
    headers.insert("grpc-message", percent_encoded(&rejection.to_string()));
    if !rejection.may_retry() {
        // gRFC A6: a negative number.
        headers.insert("grpc-retry-pushback-ms", HeaderValue::from_static("-1"));
    } else if let Some(millis) = rejection.retry_after_ms() {
        headers.insert("grpc-retry-pushback-ms", HeaderValue::from(millis));
    }
    response.extensions_mut().insert(rejection);
    response
}

/// A message as `grpc-message` wants it: everything but printable ASCII as `%XX`.
fn percent_encoded(message: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes every write"),
        }
    }
    HeaderValue::try_from(encoded).expect("printable ASCII is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let is = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            is_grpc(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
        };
        assert!(
            is("application/grpc") && is("application/grpc+proto") && is("application/grpc;x=y")
        );
        assert!(!is("application/grpc-web") && !is("application/json"));
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn a_message_survives_as_a_header() {
        assert_eq!(
            percent_encoded("50% of “payments”\n"),
            "50%25 of %E2%80%9Cpayments%E2%80%9D%0A"
        );
    }
}
