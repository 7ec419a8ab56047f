use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    AimdConfig, GradientConfig, LAYER, VegasConfig,
    aimd::Aimd,
    gradient::Gradient,
    state::{Bounds, Boxed},
    vegas::Vegas,
};
use crate::config::{Check, ConfigError, Enforce};

/// Between what the limit moves, by what it is moved, and what happens to the calls above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveConfig {
    /// Whether it does anything at all. Default true. Without it calls pass and are only counted.
    pub enabled: bool,
    /// What moves the limit. Default: the [gradient](GradientConfig). An algorithm of your own, given to
    /// the layer, goes first.
    pub algorithm: AlgorithmConfig,
    /// The limit until something is known. Default 20: what a small service can take.
    pub initial_limit: usize,
    /// The limit never falls below it. Default 4: with less, one call that hangs is most of the service,
    /// and there is too little to measure.
    ///
    /// Give the number of workers, connections or cores that do the work, if there is one. Latencies alone
    /// do not tell a service that is slower from one that has too much to do, so when each call takes five
    /// times as long the limit falls first, below what the service could work on at once, and rises again
    /// only as the baseline follows (`cargo bench --bench outcomes`, the brown-out: 17 good answers a second
    /// with 4, 31 with the ten workers of that service).
    pub min_limit: usize,
    /// The limit never rises above it. Default 1000, for clients 200. It only grows while it is reached,
    /// so this is a last resort.
    pub max_limit: usize,
    /// How long calls are measured before the limit moves, at the least; twice the latency if that is
    /// longer. Default 100 ms.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// A window that has too few calls by then is thrown away. Default 30 s: older numbers tell of
    /// another time.
    #[serde(with = "humantime_serde")]
    pub max_window: Duration,
    /// With fewer calls a window goes on. Default 20.
    pub min_samples: usize,
    /// The latency that stands for a window: 0.9, the default, is that of the call slower than nine of
    /// ten, where queues show first.
    pub quantile: f64,
    /// Where a call's latency is taken. Default: at the head of its answer.
    pub measure: Measure,
    /// The share of calls that must be dropped for the limit to come down. Default 0.05: one call that
    /// meets its deadline by bad luck is no overload.
    pub drop_share: f64,
    /// Which failures count as drops. Default: those that took long.
    pub failures: Failures,
    /// The length of the queue, as a multiple of the limit, up to which every call may wait. Default 0.
    pub queue_from: f64,
    /// The length at which none may wait any more; between the two, chance turns more and more calls
    /// away. Default 0, no queue: a queue that fills only makes every answer late.
    pub queue_to: f64,
    /// How long a call may wait in the queue, at most until its deadline. Default 100 ms.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
    /// Parts of the limit and how many percent each is sure of, one place at the least; see
    /// [`AdaptiveLayer::partition_by`](super::AdaptiveLayer::partition_by). Default none.
    pub partitions: BTreeMap<String, u8>,
    /// How many of the refusals count. Default all.
    pub enforce: Enforce,
}

/// What moves a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlgorithmConfig {
    /// By drops alone.
    Aimd(AimdConfig),
    /// By the ratio of the latency to its baseline.
    Gradient(GradientConfig),
    /// By the number of calls that seem to wait.
    Vegas(VegasConfig),
}

/// Where a call's latency is taken. Its place is held to the end of the body in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// When the body has ended: for services whose answers come slowly when there is too much to do,
    /// and whose callers read quickly.
    End,
    /// When the head is there: how long a body takes is mostly up to its reader.
    Head,
}

/// Which failures count as drops. Overload (429, 529, 503 with `Retry-After`, `RESOURCE_EXHAUSTED`) and
/// a deadline of ours always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failures {
    /// All: for services that fail for want of capacity and nothing else.
    Drop,
    /// None.
    Ignore,
    /// Those that took twice as long as a good answer: timeouts. A quick failure says nothing about load.
    Slow,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            algorithm: AlgorithmConfig::Gradient(GradientConfig::default()),
            initial_limit: 20,
            min_limit: 4,
            max_limit: 1000,
            window: Duration::from_millis(100),
            max_window: Duration::from_secs(30),
            min_samples: 20,
            quantile: 0.9,
            measure: Measure::Head,
            drop_share: 0.05,
            failures: Failures::Slow,
            queue_from: 0.0,
            queue_to: 0.0,
            max_wait: Duration::from_millis(100),
            partitions: BTreeMap::new(),
            enforce: Enforce::ALL,
        }
    }
}

impl AdaptiveConfig {
    /// For a server: refuses what is too much at once, so that its callers can go elsewhere.
    #[must_use]
    pub fn server() -> Self {
        Self::default()
    }

    /// For a client: more patient, because the latency is also that of the network and of other callers'
    /// load, and with a short queue, because there is nowhere else to go.
    #[must_use]
    pub fn client() -> Self {
        Self {
            algorithm: AlgorithmConfig::Gradient(GradientConfig {
                tolerance: 2.0,
                ..GradientConfig::default()
            }),
            max_limit: 200,
            queue_from: 0.5,
            queue_to: 1.0,
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        self.check_limits()?;
        self.algorithm.check()?;
        check.duration("window", self.window)?;
        check.duration("max_window", self.max_window)?;
        check.that(self.max_window >= self.window, "max_window", || {
            format!(
                "is {:?}, shorter than `window`: give at least {:?}",
                self.max_window, self.window
            )
        })?;
        check.at_least("min_samples", self.min_samples, 1)?;
        fits("min_samples", self.min_samples)?;
        check.that(
            self.quantile > 0.0 && self.quantile < 1.0,
            "quantile",
            || format!("is {}: give a share above 0.0 and below 1.0", self.quantile),
        )?;
        check.ratio("drop_share", self.drop_share)?;
        check.duration("max_wait", self.max_wait)?;
        self.check_queue()?;
        self.check_partitions()?;
        self.enforce.check(check)
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.at_least("min_limit", self.min_limit, 1)?;
        check.at_least("max_limit", self.max_limit, self.min_limit)?;
        fits("max_limit", self.max_limit)?;
        check.that(
            (self.min_limit..=self.max_limit).contains(&self.initial_limit),
            "initial_limit",
            || {
                format!(
                    "is {}: give a number from `min_limit` to `max_limit`, {} to {}",
                    self.initial_limit, self.min_limit, self.max_limit
                )
            },
        )
    }

    fn check_queue(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        for (field, value) in [("queue_from", self.queue_from), ("queue_to", self.queue_to)] {
            check.that((0.0..=100.0).contains(&value), field, || {
                format!("is {value}: give a multiple of the limit from 0 to 100")
            })?;
        }
        check.that(self.queue_to >= self.queue_from, "queue_to", || {
            format!(
                "is {}, below `queue_from`: give at least {}",
                self.queue_to, self.queue_from
            )
        })
    }

    fn check_partitions(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        for (name, percent) in &self.partitions {
            check.that(*percent > 0, "partitions", || {
                format!("gives `{name}` 0 percent: give at least 1, or leave it out")
            })?;
        }
        let sum: u32 = self
            .partitions
            .values()
            .map(|percent| u32::from(*percent))
            .sum();
        check.that(sum <= 100, "partitions", || {
            format!("give away {sum} percent: make it 100 or less")
        })
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            initial: self.initial_limit as f64,
            min: self.min_limit as f64,
            max: self.max_limit as f64,
            drop_share: self.drop_share,
        }
    }
}

impl AlgorithmConfig {
    /// The algorithm, beginning with what is known.
    pub(super) fn build(&self, baseline: Option<Duration>) -> Boxed {
        match self.clone() {
            Self::Aimd(config) => Box::new(Aimd(config)),
            Self::Gradient(config) => Box::new(Gradient::new(config, baseline)),
            Self::Vegas(config) => Box::new(Vegas::new(config, baseline)),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        let backoff = match self {
            Self::Aimd(config) => {
                check.that(
                    config.increase > 0.0 && config.increase.is_finite(),
                    "algorithm",
                    || {
                        format!(
                            "has an `increase` of {}: give a number above 0",
                            config.increase
                        )
                    },
                )?;
                if let Some(slow) = config.slow {
                    check.duration("algorithm", slow)?;
                }
                config.backoff
            }
            Self::Gradient(config) => {
                check.that(
                    config.tolerance >= 1.0 && config.tolerance.is_finite(),
                    "algorithm",
                    || {
                        format!(
                            "has a `tolerance` of {}: give at least 1.0",
                            config.tolerance
                        )
                    },
                )?;
                config.backoff
            }
            Self::Vegas(config) => {
                check.that(
                    config.alpha > 0.0 && config.beta >= config.alpha && config.beta.is_finite(),
                    "algorithm",
                    || {
                        format!(
                            "has an `alpha` of {} and a `beta` of {}: give 0 < alpha <= beta",
                            config.alpha, config.beta
                        )
                    },
                )?;
                config.backoff
            }
        };
        check.that(backoff > 0.0 && backoff < 1.0, "algorithm", || {
            format!("has a `backoff` of {backoff}: give a share above 0.0 and below 1.0")
        })
    }
}

/// One is left for "no limit".
fn fits(field: &'static str, value: usize) -> Result<(), ConfigError> {
    let fits = u32::try_from(value).is_ok_and(|value| value < u32::MAX);
    Check(LAYER).that(fits, field, || {
        format!("is {value}: give at most {}", u32::MAX - 1)
    })
}
