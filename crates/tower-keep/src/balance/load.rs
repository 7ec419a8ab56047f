//! The latency of an endpoint as one word: its peak, forgotten exponentially.

use std::time::Duration;

/// An estimate in nanoseconds and the millisecond it was made in, packed into a word.
///
/// What is slower than the estimate replaces it at once; what is faster pulls it down by as much as
/// time has passed. Of the millisecond only the lower half is kept: after 49 days without a call an
/// old estimate may look new, which costs one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency(pub(super) u64);

impl Latency {
    /// Nobody has measured it.
    pub(super) const UNKNOWN: Self = Self(0);

    fn pack(nanos: f64, millis: u64) -> Self {
        // Never the word of an unknown one.
        let nanos = (nanos as f32).max(1.0);
        Self(u64::from(nanos.to_bits()) << 32 | millis & u64::from(u32::MAX))
    }

    fn estimate(self) -> f64 {
        f64::from(f32::from_bits((self.0 >> 32) as u32))
    }

    fn elapsed(self, millis: u64) -> u32 {
        let elapsed = (millis as u32).wrapping_sub(self.0 as u32);
        // Whoever read the clock a moment before the estimate was made has not waited 49 days.
        if elapsed > u32::MAX - BEHIND {
            0
        } else {
            elapsed
        }
    }

    /// The estimate in nanoseconds now, when nothing more was heard; `None` if there is none.
    pub(super) fn at(self, millis: u64, decay: Duration) -> Option<f64> {
        if self == Self::UNKNOWN {
            return None;
        }
        let kept = kept(self.elapsed(millis), decay);
        Some(self.estimate() * kept)
    }

    /// With one more answer. A `failed` one can only make it slower: it says how long a failure takes.
    pub(super) fn after(self, took: Duration, failed: bool, millis: u64, decay: Duration) -> Self {
        let sample = took.as_nanos() as f64;
        let Some(now) = self.at(millis, decay) else {
            return if failed {
                self
            } else {
                Self::pack(sample, millis)
            };
        };
        if sample >= self.estimate() || sample >= now && failed {
            return Self::pack(sample, millis);
        }
        // Within the same millisecond no time has passed, and the estimate stays.
        if failed || self.elapsed(millis) == 0 {
            return self;
        }
        let kept = kept(self.elapsed(millis), decay);
        Self::pack(self.estimate() * kept + sample * (1.0 - kept), millis)
    }
}

/// How many milliseconds a call may be behind another: longer than any thread stands still.
const BEHIND: u32 = 60_000;

/// How much of an estimate is left after a time.
fn kept(elapsed: u32, decay: Duration) -> f64 {
    if elapsed == 0 {
        return 1.0;
    }
    (-f64::from(elapsed) / (decay.as_secs_f64() * 1e3)).exp()
}

/// What a call on an endpoint would cost: latency times calls, its own included.
pub(super) fn cost(latency: f64, rest: Duration, pending: u32) -> f64 {
    (latency + rest.as_nanos() as f64) * (f64::from(pending) + 1.0)
}

/// The latency of an endpoint that nobody has measured, next to one that nobody has measured either.
pub(super) const NOMINAL: f64 = 1e6;

/// The share of its calls that an endpoint gets which came in `age` ago.
pub(super) fn share(age: Duration, slow_start: Duration) -> f64 {
    if age >= slow_start {
        return 1.0;
    }
    FIRST_SHARE + (1.0 - FIRST_SHARE) * age.as_secs_f64() / slow_start.as_secs_f64()
}

/// Enough to warm up, little enough not to hurt.
const FIRST_SHARE: f64 = 0.1;
