use serde::{Deserialize, Serialize};

use super::{Algorithm, Sample, Step, baseline::Baseline, reason};

/// Counts those that wait: from the latency and its baseline follows how many of the calls in flight
/// are queued in the service, and a few are good.
///
/// The idea of TCP Vegas. Gentler than the gradient, and closer to the edge: it moves by single places
/// and wants latencies that do not vary much by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VegasConfig {
    /// With fewer calls queued than this, times the limit's decimal logarithm, the limit grows.
    /// Default 3.
    pub alpha: f64,
    /// With more calls queued than this, times the limit's decimal logarithm, it shrinks. Default 6.
    pub beta: f64,
    /// Over about how many windows the baseline is averaged. Default 10.
    pub baseline_windows: u32,
    /// What is left of the limit in a window with drops. Default 0.9.
    pub backoff: f64,
}

impl Default for VegasConfig {
    fn default() -> Self {
        Self {
            alpha: 3.0,
            beta: 6.0,
            baseline_windows: 10,
            backoff: 0.9,
        }
    }
}

pub(super) struct Vegas {
    config: VegasConfig,
    baseline: Baseline,
}

impl Vegas {
    pub(super) fn new(config: VegasConfig, baseline: Option<std::time::Duration>) -> Self {
        Self {
            baseline: Baseline::new(config.baseline_windows, baseline),
            config,
        }
    }
}

impl Algorithm for Vegas {
    fn next(&mut self, limit: f64, sample: &Sample) -> Step {
        let base = self.baseline.update(sample);
        let queue = match base {
            Some(base) if sample.calls > 0 => {
                let share = base / sample.latency.as_secs_f64().max(1e-9);
                limit * (1.0 - share.min(1.0))
            }
            _ => 0.0,
        };
        // At least one: a limit of 1 or 2 must be able to move.
        let unit = limit.log10().max(1.0);
        let (limit, reason) = if sample.is_dropping {
            (limit * self.config.backoff, reason::DROPS)
        } else if queue > self.config.beta * unit {
            (limit - unit, reason::SLOW)
        } else if sample.is_saturated {
            (limit - unit, reason::SATURATED)
        } else if queue < self.config.alpha * unit {
            (limit + unit, reason::ROOM)
        } else {
            (limit, reason::STEADY)
        };
        Step::new(limit, reason)
            .baseline(self.baseline.known())
            .queue(Some(queue))
    }
}
