use std::time::Duration;

use http::{HeaderMap, header};

/// What a service says about coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// After this long.
    After(Duration),
    /// Not at all: a negative `grpc-retry-pushback-ms`.
    Never,
}

/// No hint is taken for longer than this: five minutes.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Reads when a service wants to be asked again.
#[must_use]
pub fn retry_hint(headers: &HeaderMap) -> Option<Hint> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Hint::After(
        Duration::from_secs(seconds).min(MAX_RETRY_AFTER),
    ))
}
