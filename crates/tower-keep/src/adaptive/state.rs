//! The limit, moved by an algorithm once a window and kept from what no algorithm should do.

use std::time::Duration;

use super::{Algorithm, Sample, Step, drift::Drift, reason};

/// Between what the limit moves, and what moves it at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) initial: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// The share of calls that must be dropped for the window to be one with drops.
    pub(super) drop_share: f64,
}

/// A window as it was counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) length: Duration,
    /// Good answers to calls that began after the last decrease, and their latency: the mean, and at
    /// the quantile.
    pub(super) calls: u64,
    pub(super) mean: Duration,
    pub(super) latency: Duration,
    /// Good answers to all calls.
    pub(super) answers: u64,
    pub(super) drops: u64,
    pub(super) peak: u32,
}

/// The limit moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) reason: &'static str,
}

pub(super) type Boxed = Box<dyn Algorithm>;

pub(super) struct Machine {
    bounds: Bounds,
    limit: f64,
    /// Out while it runs.
    algorithm: Option<Boxed>,
    drift: Drift,
    pub(super) windows: u64,
    /// The last window and what the algorithm made of it.
    pub(super) last: Option<Sample>,
    pub(super) step: Step,
}

impl Machine {
    pub(super) fn new(bounds: Bounds, algorithm: Boxed) -> Self {
        let limit = bounds.clamp(bounds.initial);
        Self {
            bounds,
            limit,
            algorithm: Some(algorithm),
            drift: Drift::default(),
            windows: 0,
            last: None,
            step: Step::new(limit, reason::START),
        }
    }

    /// The limit for calls.
    pub(super) fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// With its fraction.
    pub(super) fn exact(&self) -> f64 {
        self.limit
    }

    /// A window has ended: what the algorithm has to be asked, and the algorithm. It is asked outside,
    /// because it may be anybody's code, and comes back by [`finish`](Self::finish).
    pub(super) fn begin(&mut self, window: &Window) -> Option<(Boxed, f64, Sample)> {
        let algorithm = self.algorithm.take()?;
        Some((algorithm, self.limit, self.sample(window)))
    }

    fn sample(&mut self, window: &Window) -> Sample {
        let throughput = window.answers as f64 / window.length.as_secs_f64().max(1e-9);
        let mean = window.mean.as_secs_f64();
        let in_flight = throughput * mean;
        self.drift.add(in_flight, throughput, mean);
        let trend = self.drift.trend();
        let was_limited = window.peak >= self.limit();
        let dropped = window.drops as f64 / (window.drops + window.calls).max(1) as f64;
        Sample {
            length: window.length,
            calls: window.calls,
            latency: window.latency,
            drops: window.drops,
            is_dropping: window.drops > 0 && dropped >= self.bounds.drop_share,
            peak: window.peak as usize,
            was_limited,
            in_flight,
            throughput,
            throughput_gain: trend.map(|trend| trend.throughput_gain),
            latency_correlation: trend.map(|trend| trend.latency_correlation),
            is_saturated: trend.is_some_and(|trend| trend.is_saturated()),
        }
    }

    /// What the algorithm said; `None` if it panicked.
    pub(super) fn finish(
        &mut self,
        algorithm: Boxed,
        sample: Sample,
        step: Option<Step>,
    ) -> Option<Change> {
        // Somebody may have put another in its place while it ran.
        self.algorithm.get_or_insert(algorithm);
        self.windows += 1;
        self.last = Some(sample);
        self.step = step
            .filter(|step| step.limit.is_finite())
            .unwrap_or_else(|| Step::new(self.limit, reason::BROKEN));
        let wanted = self.step.limit;
        let next = if wanted > self.limit {
            if !sample.was_limited {
                // What nobody needs would be there when nobody expects it.
                self.step.reason = reason::UNUSED;
                return None;
            }
            wanted
        } else {
            let near_use = (sample.peak as f64 * 2.0).min(self.limit);
            if sample.is_dropping {
                // From what was in use: a limit far above it would take long to come down.
                wanted * near_use / self.limit
            } else if sample.was_limited {
                wanted
            } else {
                // It was not the limit that let the service become slow, so it comes down to what
                // begins to limit, and then it will be seen.
                let in_use = if sample.is_saturated {
                    sample.peak as f64
                } else {
                    near_use
                };
                wanted.max(in_use.max(self.bounds.initial).min(self.limit))
            }
        };
        self.move_to(next, self.step.reason)
    }

    /// Takes other bounds; and another algorithm, if there is one.
    pub(super) fn configure(&mut self, bounds: Bounds, algorithm: Option<Boxed>) -> Option<Change> {
        self.bounds = bounds;
        if let Some(algorithm) = algorithm {
            self.algorithm = Some(algorithm);
        }
        self.move_to(self.limit, reason::UPDATE)
    }

    fn move_to(&mut self, limit: f64, reason: &'static str) -> Option<Change> {
        let from = self.limit();
        self.limit = self.bounds.clamp(limit);
        let to = self.limit();
        (from != to).then_some(Change { from, to, reason })
    }
}

impl Bounds {
    fn clamp(&self, limit: f64) -> f64 {
        limit.clamp(self.min, self.max)
    }
}
