use http::{HeaderMap, StatusCode};

use super::{Class, Hint, Retry, Verdict, retry_hint};

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

    /// The code that stands for an HTTP status, by the [mapping] of gRPC; 408 and 5xx that it does not
    /// name are given the nearest.
    ///
    /// [mapping]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status.as_u16() {
            200 => Self::Ok,
            400 | 500 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            408 => Self::DeadlineExceeded,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

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

/// The verdict on an answer without a `grpc-status` and with an HTTP status other than 200, such as that
/// of a proxy: by gRPC's own table for such answers, but for two of them. What a gateway broke off (502)
/// or did not wait for (504) may have been done.
pub(super) fn of_http_status(status: StatusCode, headers: &HeaderMap) -> Option<Verdict> {
    if status == StatusCode::OK {
        return None;
    }
    let verdict = GrpcCode::from_status(status).verdict(retry_hint(headers));
    let class = match status.as_u16() {
        429 => Class::Overload,
        503 if verdict.retry_after.is_some() => Class::Overload,
        _ => verdict.class,
    };
    let retry = match (status.as_u16(), verdict.retry) {
        (502 | 504, Retry::Always) => Retry::IfIdempotent,
        (_, retry) => retry,
    };
    Some(Verdict {
        class,
        retry,
        ..verdict
    })
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
