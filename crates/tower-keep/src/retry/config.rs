use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BudgetConfig, LAYER};
use crate::{
    backoff::Backoff,
    classify::MAX_RETRY_AFTER,
    config::{Check, ConfigError},
};

/// How often, how soon and how much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Whether it does anything. Default true; if false every request is sent once.
    pub enabled: bool,
    /// How many times a request is sent at most, the first time included. Default 3: what two retries
    /// did not cure is not bad luck. 1 turns retries off.
    pub max_attempts: u32,
    /// How long to wait before each retry.
    pub backoff: Backoff,
    /// The longest time that a service may ask us to wait; if it asks for more, its answer is returned
    /// at once. Default 30 s; less than [`MAX_RETRY_AFTER`].
    #[serde(with = "humantime_serde")]
    pub max_retry_after: Duration,
    /// How many bytes of one request's body are kept for a retry, in at most 1024 frames. Default
    /// 64 KiB: most bodies that are not uploads. 0 keeps nothing, so only requests whose body was not
    /// read yet are retried.
    pub max_replay_bytes: usize,
    /// What is done about a call that is made for a request which is a
    /// [retry of its caller's](crate::context::inbound_attempt) already. Default
    /// [`RetriedUpstream::Stop`]: three attempts at each of three hops are 27. `Stop` also counts for the
    /// further attempts of a retry layer outside of this one.
    pub retried_upstream: RetriedUpstream,
    /// How many retries all calls together may cause.
    pub budget: BudgetConfig,
}

/// What is done about a call that its caller's caller has retried already.
///
/// The correlation id layer of the server has to be outside of the handler that makes the call, and the
/// call be made in its task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetriedUpstream {
    /// It is retried, and each retry costs the budget two.
    Charge,
    /// It is retried as any other.
    Ignore,
    /// It is not retried: whoever retries upstream will again.
    #[default]
    Stop,
}

impl RetriedUpstream {
    /// What a retry of such a call costs; none if there is to be none.
    pub(super) const fn price(self) -> Option<u32> {
        match self {
            Self::Charge => Some(2),
            Self::Ignore => Some(1),
            Self::Stop => None,
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_attempts: 3,
            backoff: Backoff::default(),
            max_retry_after: Duration::from_secs(30),
            max_replay_bytes: 64 * 1024,
            retried_upstream: RetriedUpstream::Stop,
            budget: BudgetConfig::default(),
        }
    }
}

impl RetryConfig {
    /// For a person who waits: one retry after at most 50 ms.
    #[must_use]
    pub fn interactive() -> Self {
        Self {
            max_attempts: 2,
            backoff: Backoff {
                base: Duration::from_millis(50),
                ..Backoff::default()
            },
            max_retry_after: Duration::from_secs(1),
            ..Self::default()
        }
    }

    /// For work that nobody waits for: six attempts, up to 30 s apart.
    #[must_use]
    pub fn background() -> Self {
        Self {
            max_attempts: 6,
            backoff: Backoff {
                base: Duration::from_secs(1),
                max: Duration::from_secs(30),
                ..Backoff::default()
            },
            max_retry_after: Duration::from_secs(120),
            ..Self::default()
        }
    }

    /// [`max_attempts`](Self::max_attempts), or none at all to have nothing done.
    pub(super) const fn attempts(&self) -> u32 {
        if self.enabled { self.max_attempts } else { 0 }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.at_least("max_attempts", self.max_attempts as usize, 1)?;
        self.backoff.check(LAYER)?;
        check.that(
            self.max_retry_after < MAX_RETRY_AFTER,
            "max_retry_after",
            || {
                format!(
                    "is {:?}: give less than {MAX_RETRY_AFTER:?}, the longest hint that is read",
                    self.max_retry_after
                )
            },
        )?;
        self.budget.check(LAYER)
    }
}
