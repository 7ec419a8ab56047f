//! How long to wait before asking again: exponential, capped, with jitter.
//!
//! Without jitter, callers that failed together come back together; so it is on, and full, unless
//! told otherwise. The formulas are those of Marc Brooker, "Exponential Backoff And Jitter", AWS
//! Architecture Blog, 2015.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Check, ConfigError};

/// Waits that grow from `base` by `factor` up to `max`.
///
/// ```
/// use std::time::Duration;
/// use tower_keep::backoff::{Backoff, Jitter};
///
/// let backoff = Backoff { jitter: Jitter::None, ..Backoff::default() };
/// assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(100));
/// assert_eq!(backoff.delay(3, 0.5), Duration::from_millis(400));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// The first wait, before jitter. Default 100 ms: long enough for a blip to pass, short enough
    /// for a person not to notice.
    #[serde(with = "humantime_serde")]
    pub base: Duration,
    /// How much longer each further wait is. Default 2.
    pub factor: f64,
    /// The longest wait, before jitter. Default 5 s.
    #[serde(with = "humantime_serde")]
    pub max: Duration,
    /// How much of a wait is left to chance. Default [`Jitter::Full`].
    pub jitter: Jitter,
}

/// How much of a wait is left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Jitter {
    /// Anything from half the wait to the whole of it.
    Equal,
    /// Anything from nothing to the whole wait: spreads callers best.
    #[default]
    Full,
    /// Nothing. For tests.
    None,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            factor: 2.0,
            max: Duration::from_secs(5),
            jitter: Jitter::Full,
        }
    }
}

impl Backoff {
    /// The wait before try number `n` (the first wait is number 1), where `chance` is a random
    /// number from 0 to 1. Never longer than `max`, whatever the other numbers are.
    #[must_use]
    pub fn delay(&self, n: u32, chance: f64) -> Duration {
        let exponent = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.base.as_secs_f64() * self.factor.powi(exponent);
        // `min` with the cap first: an overflow to infinity ends there too.
        let whole = self.max.as_secs_f64().min(grown);
        let chance = chance.clamp(0.0, 1.0);
        let wait = match self.jitter {
            Jitter::None => whole,
            Jitter::Full => whole * chance,
            Jitter::Equal => whole * (0.5 + chance / 2.0),
        };
        // Not a duration if a number is none that `check` lets through.
        Duration::try_from_secs_f64(wait).map_or(self.max, |wait| wait.min(self.max))
    }

    /// [`delay`](Self::delay) with a random number.
    #[must_use]
    pub fn random_delay(&self, n: u32) -> Duration {
        self.delay(n, fastrand::f64())
    }

    pub(crate) fn check(&self, layer: &'static str) -> Result<(), ConfigError> {
        let check = Check(layer);
        check.duration("backoff.base", self.base)?;
        check.duration("backoff.max", self.max)?;
        check.that(self.max >= self.base, "backoff.max", || {
            format!(
                "is {:?}, shorter than `backoff.base`: give at least {:?}",
                self.max, self.base
            )
        })?;
        check.that(
            self.factor >= 1.0 && self.factor.is_finite(),
            "backoff.factor",
            || {
                format!(
                    "is {}: give 1.0 (always the same wait) or more",
                    self.factor
                )
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_no_number_of_tries_overflows() {
        let backoff = Backoff {
            jitter: Jitter::None,
            ..Backoff::default()
        };
        let millis = |n| backoff.delay(n, 0.0).as_millis();
        assert_eq!([1, 2, 3, 6, 7].map(millis), [100, 200, 400, 3200, 5000]);
        assert_eq!(millis(u32::MAX), 5000);
        assert_eq!(millis(0), 100);
    }

    #[test]
    fn jitter_stays_in_its_part_of_the_wait() {
        let delay = |jitter, chance| {
            Backoff {
                jitter,
                ..Backoff::default()
            }
            .delay(1, chance)
            .as_millis()
        };
        assert_eq!(
            [0.0, 0.5, 1.0].map(|c| delay(Jitter::Full, c)),
            [0, 50, 100]
        );
        assert_eq!(
            [0.0, 0.5, 1.0].map(|c| delay(Jitter::Equal, c)),
            [50, 75, 100]
        );
    }

    #[test]
    fn a_backoff_that_cannot_work_is_refused() {
        let refused = |backoff: Backoff| backoff.check("retry").unwrap_err().field();
        let good = Backoff::default();
        assert_eq!(
            refused(Backoff {
                base: Duration::ZERO,
                ..good
            }),
            "backoff.base"
        );
        assert_eq!(
            refused(Backoff {
                factor: f64::NAN,
                ..good
            }),
            "backoff.factor"
        );
        assert_eq!(
            refused(Backoff {
                max: Duration::from_millis(1),
                ..good
            }),
            "backoff.max"
        );
    }

    #[test]
    fn the_least_that_can_work_is_let_through_and_waits_as_it_says() {
        let even = Backoff {
            max: Duration::from_millis(100),
            factor: 1.0,
            jitter: Jitter::None,
            ..Backoff::default()
        };
        assert_eq!(even.check("retry"), Ok(()));
        assert_eq!(even.random_delay(7), Duration::from_millis(100));
        for factor in [f64::INFINITY, 0.9] {
            let refused = Backoff { factor, ..even }.check("retry").unwrap_err();
            assert_eq!(refused.field(), "backoff.factor");
        }
    }
}
