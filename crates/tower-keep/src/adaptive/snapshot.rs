use std::time::Duration;

use serde::Serialize;

use super::{core::Core, partition::PartitionSnapshot};
use crate::{
    common::sync,
    observe::{Condition, Vitals},
};

/// An adaptive limit at one moment, with all that its last decision was made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AdaptiveSnapshot {
    /// Whether it limits at all.
    pub enabled: bool,
    /// How many calls may be in flight.
    pub limit: usize,
    /// The same with the fraction that the next window goes on from.
    pub exact_limit: f64,
    /// How many are; more than may, for a while, after the limit came down.
    pub in_flight: usize,
    /// How many wait.
    pub waiting: usize,
    /// How many were turned away since the start.
    pub refused: u64,
    /// The parts of the limit.
    pub partitions: Vec<PartitionSnapshot>,
    /// How many windows have ended.
    pub windows: u64,
    /// Why the limit is what it is: the last window's reason.
    pub reason: &'static str,
    /// What a call takes that need not wait, as far as the algorithm knows.
    #[serde(with = "humantime_serde")]
    pub baseline: Option<Duration>,
    /// How many of the calls in flight wait for others, by the algorithm's reckoning.
    pub queue: Option<f64>,
    /// The last window; none before the first has ended.
    pub window: Option<WindowSnapshot>,
}

/// What the last decision was made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WindowSnapshot {
    /// How long it was.
    #[serde(with = "humantime_serde")]
    pub length: Duration,
    /// Calls whose latency counted.
    pub calls: u64,
    /// Their latency.
    #[serde(with = "humantime_serde")]
    pub latency: Duration,
    /// Calls that were dropped.
    pub drops: u64,
    /// The most calls in flight at once.
    pub peak: usize,
    /// Calls in flight on average.
    pub in_flight: f64,
    /// Answers a second.
    pub throughput: f64,
    /// The baseline by the latency: 1 if they are the same.
    pub gradient: Option<f64>,
    /// Percent more throughput for a percent more in flight, over the last windows.
    pub throughput_gain: Option<f64>,
    /// How closely the latency follows the number in flight.
    pub latency_correlation: Option<f64>,
    /// Whether the limit was reached.
    pub was_limited: bool,
    /// Whether more calls brought nothing but longer answers.
    pub is_saturated: bool,
}

impl AdaptiveSnapshot {
    pub(super) fn of(core: &Core) -> Self {
        let counts = core.places.counts();
        let machine = sync::lock(&core.machine);
        let step = machine.step;
        let gradient = |latency: Duration| {
            step.baseline
                .filter(|_| !latency.is_zero())
                .map(|baseline| baseline.as_secs_f64() / latency.as_secs_f64())
        };
        Self {
            enabled: core.is_on(),
            limit: machine.limit() as usize,
            exact_limit: machine.exact(),
            in_flight: counts.running as usize,
            waiting: counts.waiting as usize,
            refused: core.refused(),
            partitions: core.partitions.snapshot(),
            windows: machine.windows,
            reason: step.reason,
            baseline: step.baseline,
            queue: step.queue,
            window: machine.last.map(|last| WindowSnapshot {
                length: last.length,
                calls: last.calls,
                latency: last.latency,
                drops: last.drops,
                peak: last.peak,
                in_flight: last.in_flight,
                throughput: last.throughput,
                gradient: gradient(last.latency),
                throughput_gain: last.throughput_gain,
                latency_correlation: last.latency_correlation,
                was_limited: last.was_limited,
                is_saturated: last.is_saturated,
            }),
        }
    }

    pub(super) fn vitals(&self, core: &Core) -> Vitals {
        if !self.enabled {
            return Vitals::new(&core.emitter, Condition::Normal, "off");
        }
        let condition = if self.in_flight >= self.limit {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let summary = format!(
            "{} of {} places taken, {} waiting; {}",
            self.in_flight, self.limit, self.waiting, self.reason
        );
        Vitals::new(&core.emitter, condition, summary)
    }
}
