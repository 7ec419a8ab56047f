use std::ops::BitOr;

use http::{HeaderMap, Method, StatusCode, Uri};

use crate::{classify::Verdict, rejection::Rejection};

/// What kept the service from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A circuit breaker is open.
    Open = 1,
    /// All places of a bulkhead or an adaptive limit are taken.
    Full = 2,
    /// There is too much to do: says a rate limit, a shedder, or the service itself by 429 and its kin.
    Limited = 4,
    /// A deadline of ours passed.
    TimedOut = 8,
    /// There is nobody to ask: no endpoint, or a shutdown.
    Unavailable = 16,
    /// The service answered that it failed.
    Failed = 32,
    /// There is no answer, but an error of the service.
    Error = 64,
}

/// Several causes: `Cause::Open | Cause::Full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Causes(u8);

impl Causes {
    /// Whatever it is.
    pub const ANY: Self = Self(u8::MAX);
    /// The service was not asked.
    pub const REFUSED: Self = Self(
        Cause::Open as u8 | Cause::Full as u8 | Cause::Limited as u8 | Cause::Unavailable as u8,
    );

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, cause: Cause) -> bool {
        self.0 & cause as u8 != 0
    }
}

impl From<Cause> for Causes {
    fn from(cause: Cause) -> Self {
        Self(cause as u8)
    }
}

impl<const N: usize> From<[Cause; N]> for Causes {
    fn from(causes: [Cause; N]) -> Self {
        Self(causes.iter().fold(0, |all, cause| all | *cause as u8))
    }
}

impl BitOr for Cause {
    type Output = Causes;

    fn bitor(self, other: Self) -> Causes {
        Causes(self as u8 | other as u8)
    }
}

impl BitOr<Cause> for Causes {
    type Output = Self;

    fn bitor(self, other: Cause) -> Self {
        Self(self.0 | other as u8)
    }
}

/// A call that went wrong, for those who answer in its place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failed {
    /// What kept the service from answering.
    pub cause: Cause,
    /// How the call went.
    pub verdict: Verdict,
    /// The refusal, if a layer inside refused it.
    pub rejection: Option<Rejection>,
    /// The status of the service's answer, if there is one.
    pub status: Option<StatusCode>,
    /// What was asked for; nothing for services that are not HTTP.
    pub request: Option<Asked>,
}

impl Failed {
    /// The cause for events: the kind of refusal, or the class of answer.
    pub(super) fn as_str(&self) -> &'static str {
        match &self.rejection {
            Some(rejection) => rejection.kind().as_str(),
            None => self.verdict.class.as_str(),
        }
    }
}

/// What is kept of the head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The headers that [`keep_headers`](super::FallbackLayer::keep_headers) names.
    pub headers: HeaderMap,
}

/// Response extension: a fallback made this answer, or found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FallbackAnswer {
    /// What kept the service from answering.
    pub cause: Cause,
    /// Whether it is an answer that the service gave to an earlier call.
    pub is_stale: bool,
}
