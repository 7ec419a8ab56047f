use serde::Serialize;

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
    /// The service would not take it now.
    NotReady,
    /// The process keeps as much of request bodies as it may.
    ReplayMemoryFull,
    /// The request is a retry of its caller's already, who will retry again.
    RetriedUpstream,
    /// The service asked for a longer wait than is allowed.
    RetryAfterTooLong,
}

impl Skip {
    pub(crate) const ALL: [Self; 10] = [
        Self::BodyFailed,
        Self::BodyTooLarge,
        Self::BodyUnfinished,
        Self::Budget,
        Self::Deadline,
        Self::MaxAttempts,
        Self::NotReady,
        Self::ReplayMemoryFull,
        Self::RetriedUpstream,
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
            Self::NotReady => "not_ready",
            Self::ReplayMemoryFull => "replay_memory_full",
            Self::RetriedUpstream => "retried_upstream",
            Self::RetryAfterTooLong => "retry_after_too_long",
        }
    }
}
