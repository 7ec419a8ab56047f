//! Whether to try again, and when: takes the time, asks nobody.

use std::time::Duration;

use serde::Serialize;

use super::RetryConfig;
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

/// Why a retry that was wanted was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Skip {
    /// The caller's body failed, so there is no rest to send.
    BodyFailed,
    /// More of the body was sent than may be kept.
    BodyTooLarge,
    /// The answer came while the body was still being sent.
    BodyUnfinished,
    /// The budget is used up.
    Budget,
    /// The deadline comes before the end of the wait.
    Deadline,
    /// It was the last attempt.
    MaxAttempts,
    /// The process keeps as much of request bodies as it may.
    ReplayMemoryFull,
    /// The service asked for a longer wait than is allowed.
    RetryAfterTooLong,
}

impl Skip {
    pub(super) const ALL: [Self; 8] = [
        Self::BodyFailed,
        Self::BodyTooLarge,
        Self::BodyUnfinished,
        Self::Budget,
        Self::Deadline,
        Self::MaxAttempts,
        Self::ReplayMemoryFull,
        Self::RetryAfterTooLong,
    ];

    /// The reason as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BodyFailed => "body_failed",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyUnfinished => "body_unfinished",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::MaxAttempts => "max_attempts",
            Self::ReplayMemoryFull => "replay_memory_full",
            Self::RetryAfterTooLong => "retry_after_too_long",
        }
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
