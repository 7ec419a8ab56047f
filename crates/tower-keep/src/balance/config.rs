use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LAYER, OutlierConfig};
use crate::config::{Check, ConfigError};

/// How calls are spread over endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalanceConfig {
    /// Whether it weighs endpoints at all. If not, each call goes to any of them by chance, and none
    /// is ejected. Default true.
    pub enabled: bool,
    /// How long a call waits, at most until its deadline, while there is no endpoint or none is ready.
    /// Default 1 s: enough for the first answer of a name server, short enough to be told of an
    /// outage. 0: not at all.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
    /// How long a slow answer is held against an endpoint: the estimate of its latency goes up at
    /// once, and comes down with this as its time constant. Default 10 s, as in Finagle, linkerd and
    /// tower.
    #[serde(with = "humantime_serde")]
    pub decay: Duration,
    /// For how long an endpoint is avoided after a failure, less and less as the time passes: what is
    /// left of it counts as latency. Default 5 s, as in linkerd. It is longer if the endpoint asks for
    /// it with `Retry-After`. 0: a failure that is answered fast attracts calls.
    #[serde(with = "humantime_serde")]
    pub failure_penalty: Duration,
    /// Until when a call counts as load. Default [`Measure::FirstData`].
    pub measure: Measure,
    /// Over how long an endpoint that is new, or back from an ejection, comes to its full share of
    /// calls. Default 10 s: caches are cold, connections not made. 0: at once.
    #[serde(with = "humantime_serde")]
    pub slow_start: Duration,
    /// If fewer than this share of the endpoints are in, ejections are ignored: when everything looks
    /// bad, what looks bad is rather something else, and the few that are left would drown. Default
    /// 0.5, as in Envoy. 0: never.
    pub panic_threshold: f64,
    /// Which endpoints are taken out for a while.
    pub outlier: OutlierConfig,
}

/// Until when a call counts as load of its endpoint, and what its latency is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// The head of the answer.
    Head,
    /// The first data of the answer's body, or its end. What follows depends on how fast the caller
    /// reads, and on how much there is to say.
    #[default]
    FirstData,
    /// The end of the answer's body: for long answers whose number is the load.
    End,
}

impl Default for BalanceConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_wait: Duration::from_secs(1),
            decay: Duration::from_secs(10),
            failure_penalty: Duration::from_secs(5),
            measure: Measure::default(),
            slow_start: Duration::from_secs(10),
            panic_threshold: 0.5,
            outlier: OutlierConfig::default(),
        }
    }
}

impl BalanceConfig {
    /// Spreads calls by load alone; no endpoint is ejected.
    #[must_use]
    pub fn without_ejection() -> Self {
        Self {
            outlier: OutlierConfig {
                enabled: false,
                ..OutlierConfig::default()
            },
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.duration("decay", self.decay)?;
        for (field, value) in [
            ("max_wait", self.max_wait),
            ("failure_penalty", self.failure_penalty),
            ("slow_start", self.slow_start),
        ] {
            if !value.is_zero() {
                check.duration(field, value)?;
            }
        }
        check.ratio("panic_threshold", self.panic_threshold)?;
        self.outlier.check(check)
    }
}
