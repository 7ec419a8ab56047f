use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{LAYER, state::Pace};
use crate::{
    common::clock,
    config::{Check, ConfigError},
};

/// So many permits in a time: `Rate::per_second(100).burst(20)`.
///
/// Permits are counted in steps of a nanosecond, rounded so that never too many are given: a rate that
/// does not divide evenly is lower by at most a nanosecond a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many permits.
    pub permits: u64,
    /// In how long.
    #[serde(with = "humantime_serde")]
    pub per: Duration,
    /// How many may be saved up and then taken at once. Default: as many as `permits`, which is what
    /// "100 a second" says: 100, whenever in the second. In any time `t`, at most `burst` and as many as
    /// the rate gives in `t` are let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// How permits come back. Default [`Refill::Smooth`].
    #[serde(default)]
    pub refill: Refill,
}

/// How permits come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refill {
    /// All at once, each time the period has passed: a fixed window. Around the end of a period up to
    /// twice as many pass in a short time; it is for quotas that are counted so elsewhere.
    AtOnce,
    /// One by one, evenly: there is no edge at which twice as many could pass.
    #[default]
    Smooth,
}

impl Rate {
    /// So many permits a second.
    #[must_use]
    pub const fn per_second(permits: u64) -> Self {
        Self::per(permits, Duration::from_secs(1))
    }

    /// So many permits a minute. Up to all of them at once: add [`burst`](Self::burst) to spread them.
    #[must_use]
    pub const fn per_minute(permits: u64) -> Self {
        Self::per(permits, Duration::from_secs(60))
    }

    /// So many permits an hour. Up to all of them at once: add [`burst`](Self::burst) to spread them.
    #[must_use]
    pub const fn per_hour(permits: u64) -> Self {
        Self::per(permits, Duration::from_secs(3600))
    }

    /// So many permits in this time.
    #[must_use]
    pub const fn per(permits: u64, per: Duration) -> Self {
        Self {
            permits,
            per,
            burst: None,
            refill: Refill::Smooth,
        }
    }

    /// One permit each time this has passed, and none saved up: calls keep this distance.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self::per(1, interval)
    }

    /// So many permits, filled up again to as many whenever the period has passed.
    #[must_use]
    pub const fn reservoir(permits: u64, period: Duration) -> Self {
        Self {
            refill: Refill::AtOnce,
            ..Self::per(permits, period)
        }
    }

    /// How many permits may be saved up and then taken at once. 1 keeps calls at an even distance.
    #[must_use]
    pub const fn burst(mut self, permits: u64) -> Self {
        self.burst = Some(permits);
        self
    }

    /// How many permits the bucket holds.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.burst.unwrap_or(self.permits)
    }

    /// The pace of a checked rate, or of this share of it; steps count from `anchor`.
    pub(super) fn pace(&self, share: f64, anchor: u64) -> Pace {
        let per = clock::whole_nanos(self.per);
        let scaled = |permits: u64| ((permits as f64 * share).round() as u64).max(1);
        match self.refill {
            Refill::Smooth => {
                let interval = if share < 1.0 {
                    (per as f64 / (self.permits as f64 * share)).ceil() as u64
                } else {
                    per.div_ceil(self.permits)
                };
                // At most half a year and a year: a tiny share of a slow rate must not overflow.
                let interval = interval.clamp(1, 1 << 54);
                let tolerance = interval.saturating_mul(scaled(self.capacity()));
                Pace {
                    interval,
                    tolerance: tolerance.min(1 << 55),
                    step: 0,
                    anchor,
                }
            }
            Refill::AtOnce => {
                let permits = scaled(self.permits);
                let interval = per.div_ceil(permits).max(1);
                // So that a period is a whole number of intervals, and no fraction of a permit is ever
                // left over.
                let step = interval * permits;
                Pace {
                    interval,
                    tolerance: step,
                    step,
                    anchor,
                }
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.that(self.permits > 0, "permits", || {
            "is 0: give at least 1".to_owned()
        })?;
        check.duration("per", self.per)?;
        check.that(
            u128::from(self.permits) <= self.per.as_nanos(),
            "permits",
            || format!("is {}: give at most one for each nanosecond", self.permits),
        )?;
        check.that(self.capacity() > 0, "burst", || {
            "is 0: give at least 1".to_owned()
        })?;
        check.that(
            self.refill == Refill::Smooth || self.burst.is_none_or(|burst| burst == self.permits),
            "burst",
            || "has no meaning where the refill is at once: leave it out".to_owned(),
        )?;
        let fills_in =
            self.per.as_nanos().div_ceil(u128::from(self.permits)) * u128::from(self.capacity());
        check.that(fills_in <= clock::YEAR.as_nanos(), "burst", || {
            format!(
                "is {}: give no more than grow back within a year",
                self.capacity()
            )
        })
    }
}

impl fmt::Display for Rate {
    /// `100 per 1s, burst 20`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {:?}", self.permits, self.per)?;
        match self.refill {
            Refill::AtOnce => f.write_str(" at once"),
            Refill::Smooth => write!(f, ", burst {}", self.capacity()),
        }
    }
}
