use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{self, Check, ConfigError, Enforce};

/// How many calls may run, and what happens to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkheadConfig {
    /// Whether it does anything. Default true; if false every call goes in, and all that is left is
    /// that it is counted as running, so that the bulkhead can be switched on again at any time.
    #[serde(default = "config::on")]
    pub enabled: bool,
    /// How many of the calls that it would turn away it does turn away. Default all.
    ///
    /// The others run beyond the limit. In a dry run no call waits either: as many calls beyond the
    /// limit as the queue has room for are taken for calls that would have waited.
    #[serde(default)]
    pub enforce: Enforce,
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
            enabled: true,
            enforce: Enforce::ALL,
            max_concurrent,
            max_queue: 0,
            max_wait: DEFAULT_MAX_WAIT,
        }
    }

    /// Lets bursts wait: a queue as long as there are places.
    #[must_use]
    pub const fn queued(max_concurrent: usize) -> Self {
        Self {
            max_queue: max_concurrent,
            ..Self::new(max_concurrent)
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        self.enforce.check(check)?;
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
