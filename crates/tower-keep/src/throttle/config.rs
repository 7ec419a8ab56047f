use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError, Enforce};

/// From when on calls are held back, and how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThrottleConfig {
    /// Whether the layer does anything. Default true. Off, calls pass uncounted.
    pub enabled: bool,
    /// How much of what would be held back is. Default all of it.
    pub enforce: Enforce,
    /// How many calls are made for each one that the service accepts, at least 1. Default 2, the
    /// book's: up to half of the calls may be turned away before any is held back, and a service that
    /// recovers is given twice what it took. Less holds back earlier and finds out later.
    pub k: f64,
    /// How far back calls count. Default 30 s, a quarter of the book's two minutes: long enough for a
    /// client with a few calls a second to know what it does, and a service that is well again has all
    /// its calls back that much sooner. In tenths, so give at least 10 ms.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// How many calls must be in the window before any is held back. Default 20: of fewer, half is no
    /// sign of anything.
    pub min_calls: usize,
    /// The greatest share of calls that is held back, below 1. Default 0.9: every tenth call goes out
    /// and finds out whether the service is well again.
    pub max_rejection: f64,
    /// Whether failures count as not accepted too, or overload alone. Default true: a service that is
    /// in trouble says so by timeouts, resets and 500s before it says 429; and if most calls fail, most
    /// are better not made. With false a failure counts as accepted, since the service did take it.
    pub count_failures: bool,
}

impl ThrottleConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        self.enforce.check(check)?;
        check.that((1.0..=1000.0).contains(&self.k), "k", || {
            format!("is {}: give a number from 1.0 to 1000.0", self.k)
        })?;
        check.duration("window", self.window)?;
        check.that(self.window >= SHORTEST, "window", || {
            format!("is {:?}: give at least {SHORTEST:?}", self.window)
        })?;
        check.ratio("max_rejection", self.max_rejection)?;
        check.that(self.max_rejection < 1.0, "max_rejection", || {
            "is 1, so that nobody would find out when the service is well again: give less"
                .to_owned()
        })
    }
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            enforce: Enforce::ALL,
            k: 2.0,
            window: Duration::from_secs(30),
            min_calls: 20,
            max_rejection: 0.9,
            count_failures: true,
        }
    }
}

/// Tenths of it are counted in whole milliseconds.
const SHORTEST: Duration = Duration::from_millis(10);
