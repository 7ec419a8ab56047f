use std::time::Duration;

use http::HeaderMap;

use super::{GrpcCode, grpc};
use crate::protocol::{End, Wire};

/// How a call went, in the eyes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What it says about the service.
    pub class: Class,
    /// Whether the call may be made again.
    pub retry: Retry,
    /// When the service asked us to come back; never more than
    /// [`MAX_RETRY_AFTER`](super::MAX_RETRY_AFTER) if it was read from headers.
    pub retry_after: Option<Duration>,
}

/// What the outcome of a call says about the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// The service failed.
    Failure,
    /// It says nothing: the service was not asked, or nobody waited for it.
    Ignored,
    /// The service works and has too much to do.
    Overload,
    /// The service did its part.
    Success,
}

impl Class {
    /// The class as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Ignored => "ignored",
            Self::Overload => "overload",
            Self::Success => "success",
        }
    }
}

/// Whether a call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// Yes, whatever it does: the service did not process it.
    Always,
    /// Yes, if doing it twice is the same as doing it once.
    IfIdempotent,
    /// No.
    Never,
}

impl Verdict {
    /// The service did its part.
    #[must_use]
    pub const fn success() -> Self {
        Self::new(Class::Success)
    }

    /// The service failed. Not to be retried unless [`retry`](Self::retry) says so.
    #[must_use]
    pub const fn failure() -> Self {
        Self::new(Class::Failure)
    }

    /// The service has too much to do. Not to be retried unless [`retry`](Self::retry) says so.
    #[must_use]
    pub const fn overload() -> Self {
        Self::new(Class::Overload)
    }

    /// Says nothing about the service.
    #[must_use]
    pub const fn ignored() -> Self {
        Self::new(Class::Ignored)
    }

    const fn new(class: Class) -> Self {
        Self {
            class,
            retry: Retry::Never,
            retry_after: None,
        }
    }

    /// Says whether the call may be made again.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Says when.
    #[must_use]
    pub const fn retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Whether the service failed or has too much to do.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self.class, Class::Failure | Class::Overload)
    }
}

/// Says how a call went. Closures do it through [`Plain::classify`](crate::protocol::Plain::classify).
pub trait Classify<Res, Err> {
    /// The verdict on an outcome.
    fn classify(&self, outcome: &Result<Res, Err>) -> Verdict;
}

/// What the head of an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgment {
    /// All there is to know.
    Final(Verdict),
    /// Good so far; the end of the body decides.
    AtEnd(AtEnd),
}

impl Judgment {
    /// The judgment that follows from a verdict on the head: what is good may still turn bad.
    pub(crate) fn from_head(verdict: Verdict, wire: Wire) -> Self {
        match verdict.class {
            Class::Success if wire != Wire::Plain => Self::AtEnd(AtEnd { verdict, wire }),
            _ => Self::Final(verdict),
        }
    }

    /// The verdict so far.
    #[must_use]
    pub fn so_far(&self) -> Verdict {
        match self {
            Self::Final(verdict) | Self::AtEnd(AtEnd { verdict, .. }) => *verdict,
        }
    }
}

/// A verdict that waits for the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtEnd {
    verdict: Verdict,
    wire: Wire,
}

impl AtEnd {
    /// Waits for the end of an answer that is good so far.
    #[cfg(any(feature = "circuit-breaker", feature = "throttle"))]
    pub(crate) const fn success(wire: Wire) -> Self {
        Self {
            verdict: Verdict::success(),
            wire,
        }
    }

    /// The language that the end will be told in.
    #[cfg(any(feature = "circuit-breaker", feature = "throttle"))]
    pub(crate) const fn wire(&self) -> Wire {
        self.wire
    }

    /// The verdict when the body has ended.
    #[must_use]
    pub fn ended(self, end: End<'_>) -> Verdict {
        match end {
            End::Failed => Verdict::failure(),
            End::Complete { trailers } if self.wire == Wire::Grpc => in_trailers(trailers),
            End::Complete { .. } => self.verdict,
        }
    }

    /// The verdict when the caller has dropped the body: what the head said, if that was all.
    #[must_use]
    pub fn abandoned(self) -> Verdict {
        if self.wire == Wire::Grpc {
            Verdict::ignored()
        } else {
            self.verdict
        }
    }
}

/// A gRPC answer that ends without a status is broken.
fn in_trailers(trailers: Option<&HeaderMap>) -> Verdict {
    trailers
        .and_then(grpc::verdict)
        .unwrap_or_else(|| GrpcCode::Unknown.verdict(None))
}
