use std::{array, time::Duration};

use crate::common::atomic::{AtomicU32, Relaxed};

/// How long calls took, in steps of a sixteenth, from a microsecond to nine hours: two kilobytes, one
/// addition for a call.
///
/// Counters are relaxed: a call that is counted while a window is emptied belongs to the one or the
/// other.
pub(super) struct Histogram([AtomicU32; BUCKETS]);

/// What was in it.
#[derive(Debug, PartialEq)]
pub(super) struct Latencies {
    pub(super) count: u64,
    pub(super) mean: Duration,
    pub(super) quantile: Duration,
}

const BUCKETS: usize = 512;
/// Steps for each doubling, as a power of two.
const STEPS: u32 = 4;
/// The nanoseconds of the smallest step, as a power of two.
const UNIT: u32 = 10;

impl Histogram {
    pub(super) fn new() -> Self {
        Self(array::from_fn(|_| AtomicU32::new(0)))
    }

    #[inline]
    pub(super) fn record(&self, nanos: u64) {
        self.0[bucket(nanos)].fetch_add(1, Relaxed);
    }

    /// Empties it.
    pub(super) fn take(&self, quantile: f64) -> Latencies {
        let mut counts = [0; BUCKETS];
        let (mut count, mut sum) = (0, 0.0);
        for (at, bucket) in self.0.iter().enumerate() {
            // Most are empty, and reading is cheaper than writing.
            if bucket.load(Relaxed) == 0 {
                continue;
            }
            let n = u64::from(bucket.swap(0, Relaxed));
            let (from, width) = range(at);
            counts[at] = n;
            count += n;
            sum += n as f64 * (from as f64 + width as f64 / 2.0);
        }
        Latencies {
            count,
            mean: Duration::from_nanos((sum / count.max(1) as f64) as u64),
            quantile: Duration::from_nanos(at_rank(&counts, quantile * count as f64)),
        }
    }
}

/// The value at a rank, as if those in a step lay evenly in it.
fn at_rank(counts: &[u64; BUCKETS], rank: f64) -> u64 {
    let mut below = 0.0;
    for (at, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let n = n as f64;
        if below + n >= rank {
            let (from, width) = range(at);
            return from + (width as f64 * ((rank - below) / n)) as u64;
        }
        below += n;
    }
    0
}

#[inline]
fn bucket(nanos: u64) -> usize {
    let value = nanos >> UNIT;
    let Some(doublings) = (u64::BITS - value.leading_zeros()).checked_sub(STEPS + 1) else {
        return value as usize;
    };
    let step = (value >> doublings) as usize;
    ((doublings as usize) * (1 << STEPS) + step).min(BUCKETS - 1)
}

/// Where a bucket begins and how wide it is.
fn range(bucket: usize) -> (u64, u64) {
    let steps = 1 << STEPS;
    let doublings = (bucket / steps).saturating_sub(1);
    let step = (bucket - doublings * steps) as u64;
    (step << doublings << UNIT, 1 << doublings << UNIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_in_the_range_of_its_bucket(nanos in 0_u64..1 << 44) {
            let (from, width) = range(bucket(nanos));
            prop_assert!((from..from + width).contains(&nanos));
            prop_assert!(width <= (1 << UNIT).max(nanos / 16), "no coarser than a sixteenth");
        }

        #[test]
        fn a_quantile_is_close(mut values in prop::collection::vec(1_000_000_u64..1_000_000_000, 20..200)) {
            let histogram = Histogram::new();
            values.iter().for_each(|value| histogram.record(*value));
            values.sort_unstable();
            let latencies = histogram.take(0.9);
            prop_assert_eq!(latencies.count, values.len() as u64);
            // The ranks on both sides, and the width of a step.
            let rank = values.len() * 9 / 10;
            let [low, high] = [values[rank - 1], values[rank.min(values.len() - 1)]];
            let found = latencies.quantile.as_nanos() as u64;
            prop_assert!(found >= low - low / 16 && found <= high + high / 16);
            let mean = values.iter().sum::<u64>() / values.len() as u64;
            prop_assert!((latencies.mean.as_nanos() as u64).abs_diff(mean) <= mean / 16);
            prop_assert_eq!(histogram.take(0.9).count, 0, "it is empty now");
        }
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for at in 0..BUCKETS - 1 {
            let (from, width) = range(at);
            assert_eq!(from + width, range(at + 1).0);
            assert_eq!([from, from + width - 1].map(bucket), [at, at]);
        }
    }

    #[test]
    fn calls_lie_evenly_in_their_step() {
        let (from, width) = range(bucket(1_000_000));
        let of = |quantile| {
            let histogram = Histogram::new();
            for nanos in [1, 1, from, from, from, from] {
                histogram.record(nanos);
            }
            histogram.take(quantile).quantile.as_nanos() as u64
        };
        // Two of six are below; of the step, none, a quarter and all.
        for (quantile, expected) in [(0.5, from + width / 4), (1.0, from + width), (0.0, 0)] {
            assert_eq!(of(quantile), expected, "{quantile}");
        }
        let histogram = Histogram::new();
        histogram.record(from);
        assert_eq!(histogram.take(0.0).quantile.as_nanos() as u64, from);
        histogram.record(from);
        let mean = histogram.take(0.5).mean.as_nanos() as u64;
        assert_eq!(mean, from + width / 2);
    }

    #[test]
    fn what_is_out_of_range_is_kept_at_its_ends() {
        let histogram = Histogram::new();
        histogram.record(0);
        histogram.record(u64::MAX);
        assert_eq!(histogram.take(0.5).count, 2);
    }
}
