use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// How fallback answers look, and which good answers are kept for worse times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FallbackConfig {
    /// Whether it does anything. Default true; false lets every call pass as if the layer were not
    /// there.
    pub enabled: bool,
    /// Whether an answer says in the header `x-fallback` why it is one, for other processes. Default
    /// false: what is wrong inside is not everybody's business.
    pub header: bool,
    /// How many good answers are kept at most. Default 1000. 0 keeps none.
    pub max_answers: usize,
    /// How many bytes they may take together. Default 16 MiB.
    pub max_bytes: usize,
    /// How many bytes one of them may have. Default 64 KiB: what is larger costs more than it helps.
    pub max_answer_bytes: usize,
    /// How old one may be when it is given again. Default 1 h. An answer that says `stale-if-error`
    /// (RFC 5861) decides that by itself.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

impl Default for FallbackConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            header: false,
            max_answers: 1000,
            max_bytes: 16 * 1024 * 1024,
            max_answer_bytes: 64 * 1024,
            max_age: Duration::from_secs(3600),
        }
    }
}

impl FallbackConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.that(
            self.max_answer_bytes <= self.max_bytes,
            "max_answer_bytes",
            || {
                format!(
                    "is {}: give at most max_bytes, {}",
                    self.max_answer_bytes, self.max_bytes
                )
            },
        )?;
        check.duration("max_age", self.max_age)
    }
}
