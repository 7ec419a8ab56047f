//! Whether more calls in flight bring more answers, or only later ones.
//!
//! A baseline alone cannot tell an overload from a service that has become slower, and creeps up with
//! the overload. But by Little's law the calls in flight are throughput times latency: where
//! throughput follows the number in flight there is room, and where latency follows it there is none.

/// Logarithms of the last windows, older ones with less and less weight: their variances and how they
/// vary together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drift {
    windows: u32,
    in_flight: Moments,
    throughput: Moments,
    latency: Moments,
    with_throughput: f64,
    with_latency: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    variance: f64,
}

/// How throughput and latency answer to the calls in flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trend {
    /// Percent more throughput for a percent more in flight.
    pub(super) throughput_gain: f64,
    pub(super) latency_correlation: f64,
}

/// A window's weight; those of five windows make two thirds.
const WEIGHT: f64 = 0.2;
/// Until then, the first windows decide too much.
const FEWEST_WINDOWS: u32 = 4;
/// In flight must have varied by this (its logarithm), or the rest is noise.
const LEAST_DEVIATION: f64 = 0.03;

impl Drift {
    pub(super) fn add(&mut self, in_flight: f64, throughput: f64, latency: f64) {
        if !(in_flight > 0.0 && throughput > 0.0 && latency > 0.0) {
            return;
        }
        let first = self.windows == 0;
        self.windows = self.windows.saturating_add(1);
        let in_flight = self.in_flight.add(in_flight.ln(), first);
        let throughput = self.throughput.add(throughput.ln(), first);
        let latency = self.latency.add(latency.ln(), first);
        let keep = 1.0 - WEIGHT;
        self.with_throughput = keep * (self.with_throughput + WEIGHT * in_flight * throughput);
        self.with_latency = keep * (self.with_latency + WEIGHT * in_flight * latency);
    }

    /// `None` while too little has varied to tell.
    pub(super) fn trend(&self) -> Option<Trend> {
        let [in_flight, latency] = [self.in_flight, self.latency].map(|of| of.variance);
        if self.windows < FEWEST_WINDOWS || is_noise(in_flight) {
            return None;
        }
        let deviations = (in_flight * latency).sqrt();
        Some(Trend {
            throughput_gain: self.with_throughput / in_flight,
            latency_correlation: if deviations > 0.0 {
                (self.with_latency / deviations).clamp(-1.0, 1.0)
            } else {
                0.0
            },
        })
    }
}

fn is_noise(variance: f64) -> bool {
    variance < LEAST_DEVIATION * LEAST_DEVIATION
}

impl Trend {
    /// Whether more calls in flight have brought nothing but longer answers.
    pub(super) fn is_saturated(self) -> bool {
        self.throughput_gain < 0.3 && self.latency_correlation > 0.7
    }
}

impl Moments {
    /// How far the value is from the mean before it.
    fn add(&mut self, value: f64, first: bool) -> f64 {
        if first {
            self.mean = value;
            return 0.0;
        }
        let distance = value - self.mean;
        self.mean += WEIGHT * distance;
        self.variance = (1.0 - WEIGHT) * (self.variance + WEIGHT * distance * distance);
        distance
    }
}
