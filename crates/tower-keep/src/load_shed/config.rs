use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::config::{Check, ConfigError, Enforce};

/// How many calls may run, how long the others may wait, and when which of them are turned away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadShedConfig {
    /// Whether the layer does anything. Default true. Off, calls pass uncounted.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How much of what would be turned away is. Default all of it. In a dry run calls wait as they
    /// would, and what would be turned away runs beyond the limit.
    #[serde(default)]
    pub enforce: Enforce,
    /// How many calls may run at once; at least 1.
    pub max_concurrent: usize,
    /// How many more may wait. Default 128. It bounds memory; what keeps the wait short is `target`.
    #[serde(default = "default_max_queue")]
    pub max_queue: usize,
    /// How long a call may wait while calls have been waiting all through an `interval`. Default 5 ms,
    /// as in CoDel: long enough to even out arrivals, too short to be noticed.
    #[serde(default = "default_target", with = "humantime_serde")]
    pub target: Duration,
    /// How long a call may wait otherwise, and for how long calls may be waiting before that is taken
    /// for overload. Default 100 ms, as in CoDel: a burst is over by then.
    #[serde(default = "default_interval", with = "humantime_serde")]
    pub interval: Duration,
    /// When a call that was turned away is told to come back. Default 1 s, the shortest that
    /// `Retry-After` can say: callers that come back sooner add to the load.
    #[serde(default = "default_retry_after", with = "humantime_serde")]
    pub retry_after: Duration,
    /// Whether the header `Priority` of a request is believed. Default true, which is right among your
    /// own services.
    #[serde(default = "yes")]
    pub read_header: bool,
    /// From which pressure on calls are shed, 0 to 1. Default 0.8. From there to 1 the shed share grows
    /// from none to 95 %.
    #[serde(default = "default_pressure_from")]
    pub pressure_from: f64,
    /// How often the pressure is asked for. Default 250 ms: reading a file of the kernel that often
    /// costs nothing, and memory does not fill faster.
    #[serde(default = "default_pressure_interval", with = "humantime_serde")]
    pub pressure_interval: Duration,
    /// How many tenants are told apart, 16 bytes each; the rest of the lightest are taken for new ones.
    /// Default 1024. It cannot be updated.
    #[serde(default = "default_max_tenants")]
    pub max_tenants: usize,
    /// After how long half of a tenant's use is forgotten. Default 10 s: who was heavy a minute ago is
    /// as good as anybody.
    #[serde(default = "default_tenant_half_life", with = "humantime_serde")]
    pub tenant_half_life: Duration,
}

impl LoadShedConfig {
    /// So many calls at once, and the defaults for the rest.
    #[must_use]
    pub const fn new(max_concurrent: usize) -> Self {
        Self {
            enabled: true,
            enforce: Enforce::ALL,
            max_concurrent,
            max_queue: MAX_QUEUE,
            target: TARGET,
            interval: INTERVAL,
            retry_after: RETRY_AFTER,
            read_header: true,
            pressure_from: PRESSURE_FROM,
            pressure_interval: PRESSURE_INTERVAL,
            max_tenants: MAX_TENANTS,
            tenant_half_life: TENANT_HALF_LIFE,
        }
    }

    /// For a service that strangers call: how much they say their request matters is not believed.
    #[must_use]
    pub const fn edge(max_concurrent: usize) -> Self {
        Self {
            read_header: false,
            ..Self::new(max_concurrent)
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        self.enforce.check(check)?;
        check.at_least("max_concurrent", self.max_concurrent, 1)?;
        check.at_least("max_tenants", self.max_tenants, 1)?;
        for (field, value, most) in [
            ("max_concurrent", self.max_concurrent, u32::MAX as usize),
            ("max_queue", self.max_queue, u32::MAX as usize),
            ("max_tenants", self.max_tenants, MOST_TENANTS),
        ] {
            check.that(value <= most, field, || {
                format!("is {value}: give at most {most}")
            })?;
        }
        for (field, time) in [
            ("target", self.target),
            ("interval", self.interval),
            ("retry_after", self.retry_after),
            ("pressure_interval", self.pressure_interval),
            ("tenant_half_life", self.tenant_half_life),
        ] {
            check.duration(field, time)?;
        }
        check.that(self.target <= self.interval, "target", || {
            format!(
                "is {:?}, longer than `interval`: give at most {:?}",
                self.target, self.interval
            )
        })?;
        check.that(
            (0.0..1.0).contains(&self.pressure_from),
            "pressure_from",
            || {
                format!(
                    "is {}: give a pressure from 0.0 to below 1.0",
                    self.pressure_from
                )
            },
        )
    }
}

const MAX_QUEUE: usize = 128;
const TARGET: Duration = Duration::from_millis(5);
const INTERVAL: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(1);
const PRESSURE_FROM: f64 = 0.8;
const PRESSURE_INTERVAL: Duration = Duration::from_millis(250);
const MAX_TENANTS: usize = 1024;
/// 16 MiB of them.
const MOST_TENANTS: usize = 1 << 20;
const TENANT_HALF_LIFE: Duration = Duration::from_secs(10);

fn yes() -> bool {
    true
}

fn default_max_queue() -> usize {
    MAX_QUEUE
}

fn default_target() -> Duration {
    TARGET
}

fn default_interval() -> Duration {
    INTERVAL
}

fn default_retry_after() -> Duration {
    RETRY_AFTER
}

fn default_pressure_from() -> f64 {
    PRESSURE_FROM
}

fn default_pressure_interval() -> Duration {
    PRESSURE_INTERVAL
}

fn default_max_tenants() -> usize {
    MAX_TENANTS
}

fn default_tenant_half_life() -> Duration {
    TENANT_HALF_LIFE
}
