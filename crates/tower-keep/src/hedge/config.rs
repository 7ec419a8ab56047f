use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::{
    budget::BudgetConfig,
    config::{Check, ConfigError},
};

/// When a call is made a second time, and how often all calls may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// Whether it does anything. Default true; false lets every call pass as if the layer were not
    /// there.
    pub enabled: bool,
    /// How many more times a request is sent at most. Default 1: the second answer is what makes the
    /// slowest calls fast, a third adds load and hardly any speed. Up to 10; 0 is none.
    pub max_hedges: u32,
    /// How long an answer is waited for before the request is sent again. Default: as long as 95 of
    /// 100 calls take.
    pub delay: Delay,
    /// How many bytes of one request's body are kept to be sent again, in at most 1024 frames. Default
    /// 64 KiB: most bodies that are not uploads.
    pub max_replay_bytes: usize,
    /// How many hedges all calls together may cause.
    pub budget: BudgetConfig,
}

/// How long an answer is waited for before the request is sent again.
///
/// Whatever it is, an attempt that fails and may be tried again is followed by the next at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Delay {
    /// So long. Zero sends all attempts at once.
    #[serde(with = "humantime_serde")]
    Fixed(Duration),
    /// As long as most calls of the last while took.
    Observed(Observed),
    /// Until it fails: a retry without a wait, to another endpoint if
    /// [`rewrite`](super::HedgeLayer::rewrite) says so.
    OnFailure,
}

/// What "most calls of the last while" means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Observed {
    /// The share of calls that are to answer before a hedge starts. Default 0.95: one call in twenty
    /// is sent twice. Above 0 and below 1.
    pub quantile: f64,
    /// Never hedge earlier than this, however fast the service is. Default 5 ms: below that it is the
    /// timer and the scheduler that are late and not the service.
    #[serde(with = "humantime_serde")]
    pub floor: Duration,
    /// How long to wait while fewer than `min_samples` calls are known. Default 100 ms.
    #[serde(with = "humantime_serde")]
    pub until_known: Duration,
    /// How many calls must be known before their latency counts. Default 100.
    pub min_samples: u32,
    /// How long a call is remembered: between half of this and all of it. Default 1 min.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_hedges: 1,
            delay: Delay::default(),
            max_replay_bytes: 64 * 1024,
            budget: BudgetConfig::default(),
        }
    }
}

impl Default for Delay {
    fn default() -> Self {
        Self::Observed(Observed::default())
    }
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            quantile: 0.95,
            floor: Duration::from_millis(5),
            until_known: Duration::from_millis(100),
            min_samples: 100,
            window: Duration::from_secs(60),
        }
    }
}

impl HedgeConfig {
    /// Hedges after a fixed time.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        Self {
            delay: Delay::Fixed(delay),
            ..Self::default()
        }
    }

    /// Sends every request twice, at once: the fastest there is, at double the load. The budget allows
    /// for that.
    #[must_use]
    pub fn parallel() -> Self {
        Self {
            budget: BudgetConfig {
                ratio: 1.0,
                ..BudgetConfig::default()
            },
            ..Self::after(Duration::ZERO)
        }
    }

    /// Sends a request again when it has failed, and never before.
    #[must_use]
    pub fn on_failure() -> Self {
        Self {
            delay: Delay::OnFailure,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.that(self.max_hedges <= MOST_HEDGES, "max_hedges", || {
            format!("is {}: give at most {MOST_HEDGES}", self.max_hedges)
        })?;
        match self.delay {
            Delay::Fixed(Duration::ZERO) | Delay::OnFailure => {}
            Delay::Fixed(delay) => check.duration("delay.fixed", delay)?,
            Delay::Observed(observed) => observed.check(check)?,
        }
        self.budget.check(LAYER)
    }

    /// What a call asks for: no hedges if it is switched off.
    pub(super) fn hedges(&self) -> u32 {
        if self.enabled { self.max_hedges } else { 0 }
    }
}

impl Observed {
    fn check(&self, check: Check) -> Result<(), ConfigError> {
        check.that(
            self.quantile > 0.0 && self.quantile < 1.0,
            "delay.observed.quantile",
            || {
                format!(
                    "is {}: give a share between 0.0 and 1.0, such as 0.95",
                    self.quantile
                )
            },
        )?;
        check.at_least("delay.observed.min_samples", self.min_samples as usize, 1)?;
        check.duration("delay.observed.floor", self.floor)?;
        check.duration("delay.observed.until_known", self.until_known)?;
        check.duration("delay.observed.window", self.window)
    }
}

/// Each is another copy of the load.
const MOST_HEDGES: u32 = 10;
