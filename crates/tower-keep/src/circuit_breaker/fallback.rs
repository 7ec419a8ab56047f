use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Response};
use http_body::Body as HttpBody;

use crate::{
    classify::{Classify, Judgment},
    observe::{Emitter, EventKind},
    protocol::{
        Body, CarriesRejection, Guard, Head, Http, Inspect, Plain, Protocol, Wire, own_answer,
    },
    rejection::Rejection,
};

/// A [protocol](crate::protocol) that answers by a closure where a layer turns a call away, and is
/// the protocol `P` in everything else; made by
/// [`CircuitBreakerLayer::fallback`](super::CircuitBreakerLayer::fallback).
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_keep::circuit_breaker::CircuitBreakerLayer;
///
/// let breaker = CircuitBreakerLayer::new()
///     .fallback(|_| http::Response::new(r#"{"recommendations": []}"#));
/// let app: Router = Router::new().route("/", get(|| async { "hi" })).layer(breaker);
/// # let _ = app;
/// ```
///
/// On HTTP the answer carries the [`Rejection`] in its extensions, so that layers outside can tell it
/// from an answer of the service. A gRPC request gets the status that it would get anyway: its
/// answers are messages that a closure over a refusal cannot make. A panic in the closure is the
/// caller's.
pub struct WithFallback<P, F> {
    protocol: P,
    answer: Arc<F>,
    emitter: Emitter,
}

impl<P, F> WithFallback<P, F> {
    pub(super) fn new(protocol: P, answer: F, emitter: Emitter) -> Self {
        Self {
            protocol,
            answer: Arc::new(answer),
            emitter,
        }
    }

    fn answered(&self, cause: &'static str) {
        self.emitter.emit(EventKind::FallbackAnswered { cause });
    }
}

impl<B, E, F, R> Protocol<Response<B>, E> for WithFallback<Http, F>
where
    B: HttpBody,
    E: 'static,
    F: Fn(&Rejection) -> Response<R>,
    R: Into<Bytes>,
{
    type Response<G: Guard> = Response<Body<B, G>>;

    fn reject<G: Guard>(&self, wire: Wire, rejection: Rejection) -> Result<Self::Response<G>, E> {
        if wire == Wire::Grpc {
            return Protocol::<Response<B>, E>::reject(&self.protocol, wire, rejection);
        }
        let mut response = (self.answer)(&rejection).map(Into::into);
        self.answered(rejection.kind().as_str());
        response.extensions_mut().insert(rejection);
        Ok(own_answer(wire, response))
    }

    fn judge(&self, wire: Wire, outcome: &Result<Response<B>, E>) -> Judgment {
        self.protocol.judge(wire, outcome)
    }

    fn hold<G: Guard>(
        &self,
        outcome: Result<Response<B>, E>,
        guard: G,
    ) -> Result<Self::Response<G>, E> {
        self.protocol.hold(outcome, guard)
    }
}

impl<T, E, C, F> Protocol<T, E> for WithFallback<Plain<C>, F>
where
    E: CarriesRejection,
    C: Classify<T, E>,
    F: Fn(&Rejection) -> Result<T, E>,
{
    type Response<G: Guard> = T;

    fn reject<G: Guard>(&self, _: Wire, rejection: Rejection) -> Result<T, E> {
        let answer = (self.answer)(&rejection);
        self.answered(rejection.kind().as_str());
        answer
    }

    fn judge(&self, wire: Wire, outcome: &Result<T, E>) -> Judgment {
        self.protocol.judge(wire, outcome)
    }

    fn hold<G: Guard>(&self, outcome: Result<T, E>, guard: G) -> Result<T, E> {
        self.protocol.hold(outcome, guard)
    }
}

impl<Req, P: Inspect<Req>, F> Inspect<Req> for WithFallback<P, F> {
    fn head<'a>(&self, request: &'a Req) -> Option<Head<'a>> {
        self.protocol.head(request)
    }

    fn headers_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut HeaderMap> {
        self.protocol.headers_mut(request)
    }

    fn extensions_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut Extensions> {
        self.protocol.extensions_mut(request)
    }

    fn wire(&self, request: &Req) -> Wire {
        self.protocol.wire(request)
    }
}

// By hand: a closure need not be `Clone` for its `Arc` to be.
impl<P: Clone, F> Clone for WithFallback<P, F> {
    fn clone(&self) -> Self {
        Self {
            protocol: self.protocol.clone(),
            answer: self.answer.clone(),
            emitter: self.emitter.clone(),
        }
    }
}

impl<P: fmt::Debug, F> fmt::Debug for WithFallback<P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallback")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
