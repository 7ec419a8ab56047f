use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Algorithm, Sample, Step, reason};

/// One more while all goes well, a share less when calls are dropped: what TCP did first.
///
/// For services that say when they have too much to do, by 429, 503 with `Retry-After` or
/// `RESOURCE_EXHAUSTED`, and whose latency says little.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AimdConfig {
    /// How much the limit grows in a window in which it was reached. Default 1.
    pub increase: f64,
    /// What is left of it in a window with drops. Default 0.9.
    pub backoff: f64,
    /// A latency from which on a window counts as one with drops. Default none: latency says nothing.
    #[serde(with = "humantime_serde")]
    pub slow: Option<Duration>,
}

impl Default for AimdConfig {
    fn default() -> Self {
        Self {
            increase: 1.0,
            backoff: 0.9,
            slow: None,
        }
    }
}

pub(super) struct Aimd(pub(super) AimdConfig);

impl Algorithm for Aimd {
    fn next(&mut self, limit: f64, sample: &Sample) -> Step {
        let slow = self.0.slow.is_some_and(|slow| sample.latency >= slow);
        if sample.is_dropping {
            Step::new(limit * self.0.backoff, reason::DROPS)
        } else if slow {
            Step::new(limit * self.0.backoff, reason::SLOW)
        } else {
            Step::new(limit + self.0.increase, reason::ROOM)
        }
    }
}
