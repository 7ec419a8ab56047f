//! What a call gets that a layer turned away.
//!
//! A [`Rejection`] is made by a layer of this crate and by nothing else, so it tells our own "no"
//! apart from an answer of the service behind it. It reaches the caller as the
//! [protocol](crate::protocol) decides: as an HTTP response with `Retry-After` and a problem+json
//! body ([RFC 9457]), as a gRPC status, or as an error. It can be found again in all three:
//!
//! ```
//! use tower_keep::rejection::Rejection;
//!
//! # fn on_http(response: http::Response<()>, error: tower_keep::BoxError) {
//! // In a response, for layers and handlers in the same process:
//! if let Some(rejection) = Rejection::of(&response) {
//!     println!("turned away by {}: {rejection}", rejection.layer());
//! }
//! // In an error, however deeply it is wrapped:
//! if let Some(rejection) = Rejection::find(&*error) {
//!     println!("come back in {:?}", rejection.retry_after());
//! }
//! # }
//! ```
//!
//! Three rules follow from it, and every layer keeps them: what was [never
//! executed](Rejection::is_unexecuted) is not retried here, costs no retry budget, and does not count
//! against the service in a circuit breaker.
//!
//! # Refused uploads
//!
//! A layer refuses without reading the body. Over HTTP/2 the stream is reset after the answer, which
//! clients see. Over HTTP/1 the server answers and closes; a client that only reads once it has sent
//! everything gets the answer if the rest of its body fits the buffers of the sockets, which 256 KiB do,
//! and a broken pipe if not: of 8 MiB no client saw the 503. `Expect: 100-continue`, or a proxy that
//! buffers, helps; so does a layer of yours outside that reads on for a bounded while.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

mod kind;
mod problem;
#[cfg(any(
    feature = "bulkhead",
    feature = "circuit-breaker",
    feature = "rate-limit"
))]
mod short;

pub use self::kind::{Kind, Phase};
#[cfg(any(
    feature = "bulkhead",
    feature = "circuit-breaker",
    feature = "rate-limit"
))]
pub(crate) use self::short::{Short, Why};

use std::{error::Error, fmt, io, time::Duration};

use http::StatusCode;

use crate::{classify::GrpcCode, common::name::Name, context};

/// A call that a layer turned away, and why.
#[derive(Clone, Debug)]
pub struct Rejection {
    kind: Kind,
    status: StatusCode,
    retry_after: Option<Duration>,
    by_caller: bool,
    /// Whether it is of a request that its caller has retried already.
    retried: bool,
    layer: &'static str,
    name: Name,
}

impl Rejection {
    #[inline]
    pub(crate) fn new(kind: Kind, layer: &'static str, name: Name) -> Self {
        Self {
            status: kind.status(),
            kind,
            retry_after: None,
            by_caller: false,
            retried: context::inbound_attempt() > 1,
            layer,
            name,
        }
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Says whether the deadline that passed was the caller's own.
    pub(crate) fn of_caller(mut self, by_caller: bool) -> Self {
        self.by_caller = by_caller;
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The layer that turned the call away: its module's name, such as `circuit_breaker`.
    #[must_use]
    pub fn layer(&self) -> &'static str {
        self.layer
    }

    /// The name given to that layer, empty if none was given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The gRPC code it is answered with.
    #[must_use]
    pub fn grpc_code(&self) -> GrpcCode {
        match self.kind {
            Kind::FaultInjected => GrpcCode::from_status(self.status),
            _ => self.kind.grpc_code(),
        }
    }

    /// When a new try is worth it, if the layer can tell.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether it may be worth to make the same call again, perhaps [later](Self::retry_after).
    ///
    /// `false` is said on the wire too, for callers to give up at once: `x-should-retry: false` on HTTP,
    /// a negative `grpc-retry-pushback-ms` on gRPC, `should_retry` in the problem+json. It is where the
    /// same call can only fail again, and where we have too much to do and the call is a
    /// [retry](crate::context::inbound_attempt) already.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.kind.may_retry(self.retried)
    }

    /// Whether the service behind the layer certainly did not see the call.
    ///
    /// `false` means that nobody knows: a deadline passed while the call was running.
    #[must_use]
    pub fn is_unexecuted(&self) -> bool {
        self.kind.is_unexecuted()
    }

    /// Whether a deadline passed that the caller had set in the request's headers, shorter than ours:
    /// the caller gave up, and that says nothing about the service.
    #[must_use]
    pub fn is_callers_deadline(&self) -> bool {
        self.by_caller
    }

    /// The rejection that this response was made from, by a layer in this process.
    #[must_use]
    pub fn of<B>(response: &http::Response<B>) -> Option<&Self> {
        response.extensions().get()
    }

    /// The rejection at the root of this error, however deeply it is wrapped.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(rejection) = error.downcast_ref() {
                return Some(rejection);
            }
            next = inside(error);
        }
        None
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "" => write!(f, "{}: {}", self.layer, self.kind),
            name => write!(f, "{} `{name}`: {}", self.layer, self.kind),
        }
    }
}

impl Error for Rejection {}

/// The error that is wrapped in this one.
pub(crate) fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // Its `source` is that of the error it holds, which would be passed over.
        Some(error) => error.get_ref().map(|held| held as _),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_is_found_at_the_root_of_wrapped_errors() {
        #[derive(Debug)]
        struct Wrap(crate::BoxError);
        impl fmt::Display for Wrap {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("wrapped")
            }
        }
        impl Error for Wrap {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&*self.0)
            }
        }
        let rejection = Rejection::new(Kind::CircuitOpen, "circuit_breaker", Name::new("payments"));
        let error = Wrap(Box::new(Wrap(rejection.into())));
        let found = Rejection::find(&error).expect("two levels down");
        assert_eq!(
            found.to_string(),
            "circuit_breaker `payments`: the circuit is open"
        );
        assert!(Rejection::find(&fmt::Error).is_none());
    }
}
