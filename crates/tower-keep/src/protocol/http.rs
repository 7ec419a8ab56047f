use std::{any::Any, fmt, pin::pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as HttpBody;

use super::{Body, End, Guard, Inspect, Protocol, Wire, body::Left, grpc, inspect::inspect_http};
use crate::{
    classify::{self, Judgment, ResponseHead, SHOULD_RETRY, Verdict},
    rejection::Rejection,
};

/// HTTP, and gRPC where a request says so: axum, hyper, tonic, clients.
///
/// A refusal is a response, so the error type stays what it is. What counts as a failure is
/// the table of [`classify`](crate::classify), unless [rules of your own](Http::classify) say otherwise.
#[derive(Clone, Default)]
pub struct Http {
    rules: Option<Arc<Rules>>,
}

type Rules = dyn Fn(&ResponseHead<'_>) -> Option<Verdict> + Send + Sync;

impl Http {
    /// HTTP with the usual rules.
    #[must_use]
    pub const fn new() -> Self {
        Self { rules: None }
    }

    /// Judges responses by `rules` first, and by the usual rules where it answers `None`.
    ///
    /// A verdict other than success is final; after a success the body still counts. The rules are
    /// not asked about refusals of ours, which are neither failures nor to be retried.
    #[must_use]
    pub fn classify<F>(self, rules: F) -> Self
    where
        F: Fn(&ResponseHead<'_>) -> Option<Verdict> + Send + Sync + 'static,
    {
        Self {
            rules: Some(Arc::new(rules)),
        }
    }
}

impl<B, E> Protocol<Response<B>, E> for Http
where
    B: HttpBody,
    E: 'static,
{
    type Response<G: Guard> = Response<Body<B, G>>;

    fn reject<G: Guard>(&self, wire: Wire, rejection: Rejection) -> Result<Self::Response<G>, E> {
        Ok(match wire {
            Wire::Grpc => grpc::refusal(rejection),
            Wire::HeadOnly | Wire::Http | Wire::Plain => own_answer(wire, refusal(rejection)),
        })
    }

    fn judge(&self, wire: Wire, outcome: &Result<Response<B>, E>) -> Judgment {
        match outcome {
            Ok(response) => {
                let head = ResponseHead::of(response);
                let rules = self
                    .rules
                    .as_ref()
                    .filter(|_| Rejection::of(response).is_none());
                match rules.and_then(|rules| rules(&head)) {
                    Some(verdict) => Judgment::from_head(verdict, wire),
                    None => classify::head(wire, &head),
                }
            }
            Err(error) => Judgment::Final(classify::error(error as &dyn Any)),
        }
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

impl<B> Inspect<Request<B>> for Http {
    inspect_http!(B);

    fn wire(&self, request: &Request<B>) -> Wire {
        // gRPC needs HTTP/2, so HTTP/1 is not looked at twice.
        if request.version() == Version::HTTP_2 && grpc::is_grpc(request.headers()) {
            Wire::Grpc
        } else if *request.method() == Method::HEAD {
            Wire::HeadOnly
        } else {
            Wire::Http
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("custom_rules", &self.rules.is_some())
            .finish()
    }
}

/// Keeps `guard` until the end of the body, for every protocol that answers with one.
///
/// What is known of the answer is asked by reference, and the answer is moved once: each move of a
/// response copies a few hundred bytes.
#[inline(always)]
pub(super) fn hold<B: HttpBody, E, G: Guard>(
    outcome: Result<Response<B>, E>,
    guard: Option<G>,
) -> Result<Response<Body<B, G>>, E> {
    let (guard, left) = match guard {
        Some(guard) if !guard.is_idle() => until_the_end(&outcome, guard),
        _ => (None, Left::UNKNOWN),
    };
    outcome.map(|response| response.map(|body| Body::held(body, guard, left)))
}

/// The guard, unless the call is over with this outcome, and how long the body is to be.
#[inline]
fn until_the_end<B: HttpBody, E, G: Guard>(
    outcome: &Result<Response<B>, E>,
    guard: G,
) -> (Option<G>, Left) {
    let end = match outcome {
        // An upgraded connection is no longer a call. A body of no bytes still is one until it says
        // that it has ended: the status of a gRPC answer without messages is in its trailers.
        Ok(response)
            if response.status() == StatusCode::SWITCHING_PROTOCOLS
                || response.body().is_end_stream() =>
        {
            End::COMPLETE
        }
        Ok(response) => return (Some(guard), left(response)),
        Err(_) => End::Failed,
    };
    pin!(guard).end(end);
    (None, Left::UNKNOWN)
}

/// How long a body is that does not know it itself, but not of gRPC, whose status comes after it.
#[inline]
fn left<B: HttpBody>(response: &Response<B>) -> Left {
    if response.body().size_hint().exact().is_some() {
        return Left::UNKNOWN;
    }
    let length = response.headers().get(header::CONTENT_LENGTH);
    match length.and_then(|length| length.to_str().ok()?.parse().ok()) {
        Some(length) if !grpc::is_grpc(response.headers()) => Left::of(length),
        _ => Left::UNKNOWN,
    }
}

/// The refusal in an outcome, for every protocol that answers with a response.
pub(super) fn found<B, E: 'static>(outcome: &Result<Response<B>, E>) -> Option<&Rejection> {
    match outcome {
        Ok(response) => Rejection::of(response),
        Err(error) => classify::rejection_in(error as &dyn Any),
    }
}

/// The answer to a call that was turned away.
fn refusal(rejection: Rejection) -> Response<Bytes> {
    let mut response = Response::new(rejection.to_problem_json());
    *response.status_mut() = rejection.status();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Some(after) = rejection.retry_after() {
        // Whole seconds, rounded up: earlier would be refused again.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, number(seconds));
    }
    if !rejection.may_retry() {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response.extensions_mut().insert(rejection);
    response
}

/// A number as a header value, mostly a small one, which is there already.
fn number(number: u64) -> HeaderValue {
    const SMALL: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let small = usize::try_from(number).ok().and_then(|at| SMALL.get(at));
    small.map_or_else(
        || HeaderValue::from(number),
        |text| HeaderValue::from_static(text),
    )
}

/// An answer that a layer gives by itself; to a request for the head alone, only the length of the
/// body. Servers leave such a body out over HTTP/1 only: over HTTP/2 it would be sent, which is a
/// breach of protocol and resets the stream.
pub(crate) fn own_answer<B: HttpBody, G: Guard>(
    wire: Wire,
    mut response: Response<Bytes>,
) -> Response<Body<B, G>> {
    if wire == Wire::HeadOnly {
        let length = HeaderValue::from(response.body().len());
        response
            .headers_mut()
            .entry(header::CONTENT_LENGTH)
            .or_insert(length);
        response.body_mut().clear();
    }
    response.map(Body::full)
}
