//! Whether to try again, and when: takes the time, asks nobody.

use std::time::Duration;

use super::{RetryConfig, Skip};
use crate::{
    classify::{Class, Retry, Verdict},
    common::clock::Instant,
    context::Deadline,
};

/// An attempt that did not go well, for [`retry_if`](super::RetryLayer::retry_if).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Failed {
    /// How it went.
    pub verdict: Verdict,
    /// Which one it was; the first is 1.
    pub attempt: u32,
    /// Whether doing it twice is the same as doing it once. Always true for plain services.
    pub idempotent: bool,
}

impl Failed {
    /// Whether the usual rules say that it may be tried again.
    #[must_use]
    pub fn may_retry(&self) -> bool {
        match self.verdict.retry {
            Retry::Always => true,
            Retry::IfIdempotent => self.idempotent,
            Retry::Never => false,
        }
    }

    /// Whether there is anything to decide: a success is none, a refusal of ours must not be retried.
    pub(super) fn is_open(verdict: &Verdict) -> bool {
        verdict.class != Class::Ignored && (verdict.is_bad() || verdict.retry != Retry::Never)
    }
}

/// How long to wait before the attempt after number `attempt`, or why there is none.
///
/// What the service asked for is the earliest moment; the backoff on top of it keeps callers that
/// were all asked the same from coming back together.
pub(super) fn wait(
    config: &RetryConfig,
    retry_after: Option<Duration>,
    attempt: u32,
    max_attempts: u32,
    chance: f64,
) -> Result<Duration, Skip> {
    if attempt >= max_attempts {
        return Err(Skip::MaxAttempts);
    }
    let asked = retry_after.unwrap_or_default();
    if asked > config.max_retry_after {
        return Err(Skip::RetryAfterTooLong);
    }
    Ok(asked + config.backoff.delay(attempt, chance))
}

/// Whether a wait that starts now ends before the deadline.
pub(super) fn before(deadline: Deadline, now: Instant, wait: Duration) -> Result<(), Skip> {
    if now + wait < deadline.instant() {
        Ok(())
    } else {
        Err(Skip::Deadline)
    }
}
