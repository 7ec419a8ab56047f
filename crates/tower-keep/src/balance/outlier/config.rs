use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Check, ConfigError, Enforce};

/// Which endpoints are ejected, and for how long. The defaults are Envoy's where it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutlierConfig {
    /// Whether endpoints are ejected by themselves. Default true.
    pub enabled: bool,
    /// How many of a hundred ejections are carried out; of the others it is only told. Default 100.
    pub enforce: Enforce,
    /// So many failures in a row eject. Default 5.
    pub consecutive_failures: Option<u32>,
    /// So many failures in a row on our side eject: connections that could not be made or broke,
    /// deadlines of ours that passed. Default none: they count as all other failures. If given, they
    /// count here and nowhere else, so that a bad network is told from a bad service.
    pub consecutive_local_failures: Option<u32>,
    /// How often endpoints are compared, and an endpoint's record is cleared by one ejection. Default
    /// 10 s.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// An endpoint is ejected whose rate of success is so many standard deviations below the mean of
    /// all, and at least [`min_gap`](Self::min_gap). Default 1.9.
    pub deviations: Option<f64>,
    /// How far below the mean, at least. Default 0.05: among equals one is always the worst.
    pub min_gap: f64,
    /// How many endpoints must have had enough calls for them to be compared. Default 5: fewer have
    /// no mean to speak of.
    pub min_endpoints: usize,
    /// An endpoint is ejected of whose calls this share failed, whatever the others do. Default 0.85.
    pub failure_share: Option<f64>,
    /// How many calls an endpoint must have had in an interval to be judged by its rate. Default 100.
    pub min_calls: u32,
    /// How long the first ejection lasts; the second lasts twice as long, the third three times.
    /// Default 30 s.
    #[serde(with = "humantime_serde")]
    pub base: Duration,
    /// How long an ejection lasts at most. Default 300 s.
    #[serde(with = "humantime_serde")]
    pub max: Duration,
    /// How much longer it lasts, by chance, so that endpoints that went together do not come back
    /// together: a share of the time. Default 0.1.
    pub jitter: f64,
    /// Which share of the endpoints may be out at once; one may always, unless this is 0. Default
    /// 0.1.
    pub max_ejected: f64,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            enforce: Enforce::ALL,
            consecutive_failures: Some(5),
            consecutive_local_failures: None,
            interval: Duration::from_secs(10),
            deviations: Some(1.9),
            min_gap: 0.05,
            min_endpoints: 5,
            failure_share: Some(0.85),
            min_calls: 100,
            base: Duration::from_secs(30),
            max: Duration::from_secs(300),
            jitter: 0.1,
            max_ejected: 0.1,
        }
    }
}

impl OutlierConfig {
    pub(in crate::balance) fn check(&self, check: Check) -> Result<(), ConfigError> {
        self.enforce.check(check)?;
        for (field, value) in [
            ("outlier.consecutive_failures", self.consecutive_failures),
            (
                "outlier.consecutive_local_failures",
                self.consecutive_local_failures,
            ),
        ] {
            check.that(value != Some(0), field, || {
                "is 0: give at least 1, or leave it out".to_owned()
            })?;
        }
        for (field, value) in [
            ("outlier.interval", self.interval),
            ("outlier.base", self.base),
            ("outlier.max", self.max),
        ] {
            check.duration(field, value)?;
        }
        check.that(self.max >= self.base, "outlier.max", || {
            format!(
                "is {:?}, shorter than `outlier.base`: give at least {:?}",
                self.max, self.base
            )
        })?;
        if let Some(deviations) = self.deviations {
            check.that(
                deviations > 0.0 && deviations.is_finite(),
                "outlier.deviations",
                || format!("is {deviations}: give more than 0, such as 1.9, or leave it out"),
            )?;
        }
        check.at_least("outlier.min_endpoints", self.min_endpoints, 2)?;
        check.at_least("outlier.min_calls", self.min_calls as usize, 1)?;
        if let Some(share) = self.failure_share {
            check.ratio("outlier.failure_share", share)?;
        }
        check.ratio("outlier.min_gap", self.min_gap)?;
        check.ratio("outlier.jitter", self.jitter)?;
        check.ratio("outlier.max_ejected", self.max_ejected)
    }
}
