use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError};

/// How much goes where.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StranglerConfig {
    /// Whether anything goes to the new service. Default true; if false, all of it goes to the old one,
    /// whatever the rules say, and nothing is shadowed: the way back.
    pub enabled: bool,
    /// The percentage of calls that the new service gets, from 0.0 to 100.0, in steps of a hundredth,
    /// of those for which no rule decides. Default 0.
    pub percent: f64,
    /// The percentage of reads that also go to the other side, in the background, from 0.0 to 100.0.
    /// Default 0. Only with [`shadow_reads`](super::StranglerLayer::shadow_reads).
    pub shadow_percent: f64,
    /// How many calls may be in the shadow at once. Default 16; what comes above is not shadowed.
    pub max_shadows: usize,
    /// How long a call may be in the shadow, the comparison included. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub shadow_timeout: Duration,
    /// The longest body that is compared, in bytes. Default 64 KiB. Longer ones are not compared.
    pub max_compared_bytes: usize,
}

impl Default for StranglerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            percent: 0.0,
            shadow_percent: 0.0,
            max_shadows: 16,
            shadow_timeout: Duration::from_secs(10),
            max_compared_bytes: 64 * 1024,
        }
    }
}

impl StranglerConfig {
    /// So much for the new service.
    #[must_use]
    pub fn percent(percent: f64) -> Self {
        Self {
            percent,
            ..Self::default()
        }
    }

    /// So many of the reads in the shadow, and nothing for the new service yet.
    #[must_use]
    pub fn shadow(shadow_percent: f64) -> Self {
        Self {
            shadow_percent,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        for (field, value) in [
            ("percent", self.percent),
            ("shadow_percent", self.shadow_percent),
        ] {
            check.that((0.0..=100.0).contains(&value), field, || {
                format!("is {value}: give a percentage from 0.0 to 100.0")
            })?;
        }
        check.at_least("max_shadows", self.max_shadows, 1)?;
        check.duration("shadow_timeout", self.shadow_timeout)
    }
}
