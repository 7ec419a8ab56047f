use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// How many calls may run, and what happens to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkheadConfig {
    /// How many calls may run at once. 0 refuses everything.
    pub max_concurrent: usize,
    /// How many more may wait for a place. Default 0: what does not fit is refused at once, because
    /// a queue that fills only makes every answer late.
    #[serde(default)]
    pub max_queue: usize,
    /// How long a call may wait in the queue, at most until its deadline. Default 100 ms: what waits
    /// longer is overload, not a burst.
    #[serde(default = "default_max_wait", with = "humantime_serde")]
    pub max_wait: Duration,
}

impl BulkheadConfig {
    /// Refuses what does not fit.
    #[must_use]
    pub const fn new(max_concurrent: usize) -> Self {
        Self {
            max_concurrent,
            max_queue: 0,
            max_wait: DEFAULT_MAX_WAIT,
        }
    }

    /// Lets bursts wait: a queue as long as there are places.
    #[must_use]
    pub const fn queued(max_concurrent: usize) -> Self {
        Self {
            max_concurrent,
            max_queue: max_concurrent,
            max_wait: DEFAULT_MAX_WAIT,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        for (field, value) in [
            ("max_concurrent", self.max_concurrent),
            ("max_queue", self.max_queue),
        ] {
            check.that(u32::try_from(value).is_ok(), field, || {
                format!("is {value}: give at most {}", u32::MAX)
            })?;
        }
        check.duration("max_wait", self.max_wait)
    }
}

const DEFAULT_MAX_WAIT: Duration = Duration::from_millis(100);

fn default_max_wait() -> Duration {
    DEFAULT_MAX_WAIT
}
