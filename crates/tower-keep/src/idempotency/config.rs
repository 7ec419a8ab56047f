use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// Which requests have keys, and how long their answers are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdempotencyConfig {
    /// Whether keys count at all. Default true; if false, requests pass as if the layer were not there.
    pub enabled: bool,
    /// Whether a `POST` or `PATCH` without a key is refused. Default false: clients that know nothing
    /// of keys go on working.
    pub required: bool,
    /// How long an answer is kept. Default 24 hours, as payment providers do: longer than clients
    /// retry.
    #[serde(with = "humantime_serde")]
    pub keep_for: Duration,
    /// How long a request waits for the answer to an earlier one with its key that still runs, at most
    /// until its deadline. Default 10 s. It is refused then, with 409.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
    /// The longest body of an answer that is kept, in bytes. Default 64 KiB: more than answers to
    /// writes have.
    pub max_answer_bytes: usize,
    /// The longest body of a request that is compared with that of an earlier one, in bytes. Default
    /// 1 MiB. A longer one is refused when its key was used before, since it cannot be told whether it
    /// is the same.
    pub max_request_bytes: usize,
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            required: false,
            keep_for: Duration::from_secs(24 * 60 * 60),
            max_wait: Duration::from_secs(10),
            max_answer_bytes: 64 * 1024,
            max_request_bytes: 1024 * 1024,
        }
    }
}

impl IdempotencyConfig {
    /// Keys are required.
    #[must_use]
    pub fn required() -> Self {
        Self {
            required: true,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.duration("keep_for", self.keep_for)?;
        check.duration("max_wait", self.max_wait)?;
        check.at_least("max_answer_bytes", self.max_answer_bytes, 1)?;
        check.at_least("max_request_bytes", self.max_request_bytes, 1)
    }
}
