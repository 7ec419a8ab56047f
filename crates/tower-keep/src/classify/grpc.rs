use http::HeaderMap;

use super::{Hint, Retry, Verdict, retry_hint};

/// The status codes of gRPC, with their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are the documentation; grpc.io explains each"
)]
#[non_exhaustive]
#[repr(u8)]
pub enum GrpcCode {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcCode {
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// Reads a `grpc-status`; a number that is not a code is [`Unknown`](Self::Unknown).
    #[must_use]
    pub fn from_bytes(value: &[u8]) -> Self {
        std::str::from_utf8(value)
            .ok()
            .and_then(|value| value.parse::<usize>().ok())
            .and_then(|code| Self::ALL.get(code).copied())
            .unwrap_or(Self::Unknown)
    }

    /// What the code says about the server, and whether to ask again.
    ///
    /// Most codes blame the request. Only `UNAVAILABLE` is safe to retry without knowing what the
    /// method does; `RESOURCE_EXHAUSTED` is, if the server says when.
    #[must_use]
    pub fn verdict(self, hint: Option<Hint>) -> Verdict {
        let after = match hint {
            Some(Hint::After(after)) => Some(after),
            Some(Hint::Never) | None => None,
        };
        let retry = match self {
            _ if hint == Some(Hint::Never) => Retry::Never,
            Self::Unavailable => Retry::Always,
            Self::ResourceExhausted if after.is_some() => Retry::Always,
            _ => Retry::Never,
        };
        let verdict = match self {
            Self::ResourceExhausted => Verdict::overload(),
            Self::Unknown
            | Self::DeadlineExceeded
            | Self::Internal
            | Self::Unavailable
            | Self::DataLoss => Verdict::failure(),
            _ => Verdict::success(),
        };
        verdict.retry(retry).retry_after(after)
    }
}

/// The verdict of a `grpc-status`, in a head or in trailers, if there is one.
pub(super) fn verdict(headers: &HeaderMap) -> Option<Verdict> {
    let code = GrpcCode::from_bytes(headers.get("grpc-status")?.as_bytes());
    let hint = if code == GrpcCode::Ok {
        None
    } else {
        retry_hint(headers)
    };
    Some(code.verdict(hint))
}
