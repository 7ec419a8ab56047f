use serde::{Deserialize, Serialize};

use super::{Algorithm, Sample, Step, baseline::Baseline, reason};

/// Follows the latency: as much longer as answers take than they should, as much lower is the limit.
///
/// The idea of Netflix's Gradient2 and of failsafe-go's limiter: the latency of a window is compared
/// with a moving baseline of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GradientConfig {
    /// How many times the baseline an answer may take before the limit comes down. Default 1.5:
    /// below it, what looks like overload is mostly the mixture of calls.
    pub tolerance: f64,
    /// Over about how many windows the baseline is averaged. Default 10.
    pub baseline_windows: u32,
    /// What is left of the limit in a window with drops, or with more calls in flight than bring
    /// more answers. Default 0.9.
    pub backoff: f64,
}

impl Default for GradientConfig {
    fn default() -> Self {
        Self {
            tolerance: 1.5,
            baseline_windows: 10,
            backoff: 0.9,
        }
    }
}

pub(super) struct Gradient {
    config: GradientConfig,
    baseline: Baseline,
}

impl Gradient {
    pub(super) fn new(config: GradientConfig, baseline: Option<std::time::Duration>) -> Self {
        Self {
            baseline: Baseline::new(config.baseline_windows, baseline),
            config,
        }
    }
}

impl Algorithm for Gradient {
    fn next(&mut self, limit: f64, sample: &Sample) -> Step {
        let GradientConfig {
            tolerance, backoff, ..
        } = self.config;
        let base = self.baseline.update(sample);
        let share = match base {
            Some(base) if sample.calls > 0 => base / sample.latency.as_secs_f64().max(1e-9),
            _ => 1.0,
        };
        // Never below half: a window may have been unlucky.
        let gradient = (tolerance * share).clamp(0.5, 1.0);
        let (limit, reason) = if sample.is_dropping {
            (limit * backoff, reason::DROPS)
        } else if gradient < 1.0 {
            (limit * gradient, reason::SLOW)
        } else if sample.is_saturated {
            (limit * backoff, reason::SATURATED)
        } else {
            // Quick while it is small, careful when it is large.
            (limit + limit.sqrt(), reason::ROOM)
        };
        Step::new(limit, reason)
            .baseline(self.baseline.known())
            .queue(Some(sample.in_flight * (1.0 - share.min(1.0))))
    }
}
