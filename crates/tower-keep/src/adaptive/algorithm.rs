use std::time::Duration;

/// Says what the limit should be, once at the end of each window of calls.
///
/// It sees numbers and returns numbers: no clock, no lock, no call. Around it, for every algorithm: the
/// limit stays between its bounds, it does not grow in a window in which it was never reached, and
/// calls that began before the last decrease are not counted again. If it panics, the limit stays.
///
/// ```
/// use std::time::Duration;
/// use tower_keep::adaptive::{Algorithm, Sample, Step};
///
/// /// Keeps the slowest tenth of the calls under 50 ms.
/// struct Target;
///
/// impl Algorithm for Target {
///     fn next(&mut self, limit: f64, sample: &Sample) -> Step {
///         if sample.is_dropping || sample.latency > Duration::from_millis(50) {
///             Step::new(limit * 0.9, "too slow")
///         } else {
///             Step::new(limit + 1.0, "fast enough")
///         }
///     }
/// }
///
/// let mut sample = Sample::of(100, Duration::from_millis(80));
/// assert_eq!(Target.next(20.0, &sample).limit, 18.0);
/// sample.latency = Duration::from_millis(8);
/// assert_eq!(Target.next(20.0, &sample).limit, 21.0);
/// ```
pub trait Algorithm: Send {
    /// The limit after a window, given the one that was in force and what happened.
    fn next(&mut self, limit: f64, sample: &Sample) -> Step;
}

/// What happened in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// How long the window was.
    pub length: Duration,
    /// Calls whose latency counted.
    pub calls: u64,
    /// Their latency, at the [quantile](super::AdaptiveConfig::quantile) of the configuration; zero if
    /// there were none.
    pub latency: Duration,
    /// Calls that the service or a deadline gave up because there was too much to do.
    pub drops: u64,
    /// Whether so many were dropped that the limit must come down.
    pub is_dropping: bool,
    /// The most calls in flight at once.
    pub peak: usize,
    /// Whether all places were taken at some time, so that it is the limit that limits.
    pub was_limited: bool,
    /// Calls in flight on average: throughput times latency.
    pub in_flight: f64,
    /// Answers a second.
    pub throughput: f64,
    /// How many percent more throughput there is for each percent more in flight, over the last windows:
    /// 1 while there is room, 0 once more calls only wait for each other. `None` while too little
    /// varied to tell.
    pub throughput_gain: Option<f64>,
    /// How closely the latency follows the number in flight, over the last windows, from -1 to 1.
    pub latency_correlation: Option<f64>,
    /// Whether more calls in flight have brought nothing but longer answers.
    pub is_saturated: bool,
}

impl Sample {
    /// A window of a second with this many calls of this latency, in which the limit was reached and
    /// nothing dropped: to try an algorithm with.
    #[must_use]
    pub fn of(calls: u64, latency: Duration) -> Self {
        let throughput = calls as f64;
        let in_flight = throughput * latency.as_secs_f64();
        Self {
            length: Duration::from_secs(1),
            calls,
            latency,
            drops: 0,
            is_dropping: false,
            peak: in_flight.ceil() as usize,
            was_limited: true,
            in_flight,
            throughput,
            throughput_gain: None,
            latency_correlation: None,
            is_saturated: false,
        }
    }
}

/// What an algorithm wants, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The limit; fractions are kept for the next window and rounded down for the calls.
    pub limit: f64,
    /// Why, for events and snapshots.
    pub reason: &'static str,
    /// What a call takes that need not wait, as far as the algorithm knows.
    pub baseline: Option<Duration>,
    /// How many of the calls in flight wait for others, by its reckoning.
    pub queue: Option<f64>,
}

impl Step {
    /// This limit, for this reason.
    #[must_use]
    pub const fn new(limit: f64, reason: &'static str) -> Self {
        Self {
            limit,
            reason,
            baseline: None,
            queue: None,
        }
    }

    /// Tells what was taken for the latency without waiting. Failures that take much longer than this
    /// count as drops.
    #[must_use]
    pub const fn baseline(mut self, baseline: Option<Duration>) -> Self {
        self.baseline = baseline;
        self
    }

    /// Tells how many calls were thought to be waiting.
    #[must_use]
    pub const fn queue(mut self, queue: Option<f64>) -> Self {
        self.queue = queue;
        self
    }
}
