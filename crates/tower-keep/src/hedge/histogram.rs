//! How long calls took, in few words of memory and without a lock.

use std::time::Duration;

use crate::common::{
    atomic::{AtomicU32, AtomicUsize, Relaxed},
    clock::whole_nanos,
};

/// Two generations of counters: one that fills, and the one before it.
///
/// Counters guard no other memory: relaxed. A sample that arrives while its generation is emptied is
/// lost or counted with the next one, which no quantile notices.
pub(super) struct Histogram<const BUCKETS: usize = USUAL> {
    generations: [[AtomicU32; BUCKETS]; 2],
    current: AtomicUsize,
}

/// Each doubling is cut into so many buckets, so a bucket is at most a sixteenth wide.
const CUTS: u32 = 16;
/// Up to two minutes in steps of 2^17 ns, about an eighth of a millisecond.
pub(super) const USUAL: usize = 288;
const STEP_BITS: u32 = 17;

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    pub(super) fn new() -> Self {
        let empty = || std::array::from_fn(|_| AtomicU32::new(0));
        Self {
            generations: [empty(), empty()],
            current: AtomicUsize::new(0),
        }
    }

    #[inline]
    fn filling(&self) -> &[AtomicU32; BUCKETS] {
        &self.generations[self.current.load(Relaxed) & 1]
    }

    /// A call that did not have to wait.
    #[inline]
    pub(super) fn record_at_once(&self) {
        self.filling()[0].fetch_add(1, Relaxed);
    }

    pub(super) fn record(&self, took: Duration) {
        self.filling()[bucket(took).min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }

    /// Forgets the older generation and starts another.
    pub(super) fn rotate(&self) {
        let next = (self.current.load(Relaxed) + 1) & 1;
        for counter in &self.generations[next] {
            counter.store(0, Relaxed);
        }
        self.current.store(next, Relaxed);
    }

    /// How many calls are known, and how long the given share of them took at most.
    pub(super) fn quantile(&self, share: f64) -> (u64, Duration) {
        let counts: [u64; BUCKETS] = std::array::from_fn(|at| {
            let [one, other] = &self.generations;
            u64::from(one[at].load(Relaxed)) + u64::from(other[at].load(Relaxed))
        });
        let total = counts.iter().sum();
        let rank = (share * total as f64).ceil() as u64;
        let mut seen = 0;
        let at = counts.iter().position(|count| {
            seen += count;
            seen >= rank.max(1)
        });
        (total, at.map_or(Duration::ZERO, end))
    }
}

/// The bucket that a time falls into, if there are enough of them.
fn bucket(took: Duration) -> usize {
    let steps = whole_nanos(took) >> STEP_BITS;
    let Some(doublings) = (steps / u64::from(CUTS)).checked_ilog2() else {
        return steps as usize;
    };
    let cut = steps >> doublings;
    ((doublings * CUTS) as u64 + cut) as usize
}

/// Where a bucket ends.
fn end(bucket: usize) -> Duration {
    let bucket = bucket as u64 + 1;
    let cuts = u64::from(CUTS);
    let steps = if bucket <= cuts {
        bucket
    } else {
        let doublings = (bucket - cuts) / cuts;
        (cuts + bucket % cuts) << doublings
    };
    Duration::from_nanos(steps << STEP_BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for at in 0..USUAL {
            let end = end(at);
            assert_eq!(bucket(end - Duration::from_nanos(1)), at);
            assert_eq!(bucket(end), at + 1);
        }
        assert!(end(USUAL - 1) > Duration::from_secs(120));
    }

    #[test]
    fn what_takes_longer_than_all_of_them_is_in_the_last() {
        let histogram = Histogram::<USUAL>::new();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.quantile(0.5), (1, end(USUAL - 1)));
    }

    #[test]
    fn a_generation_is_forgotten_after_the_next() {
        let histogram = Histogram::<USUAL>::new();
        histogram.record(Duration::from_secs(1));
        histogram.rotate();
        histogram.record_at_once();
        assert_eq!(histogram.quantile(0.5).0, 2);
        histogram.rotate();
        assert_eq!(histogram.quantile(0.5).0, 1);
        histogram.rotate();
        assert_eq!(histogram.quantile(0.5), (0, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn a_quantile_is_late_by_a_sixteenth_at_most(
            micros in proptest::collection::vec(0..60_000_000_u64, 1..200),
            share in 0.01..0.99_f64,
        ) {
            let histogram = Histogram::<USUAL>::new();
            for micros in &micros {
                histogram.record(Duration::from_micros(*micros));
            }
            let mut sorted = micros;
            sorted.sort_unstable();
            let rank = ((share * sorted.len() as f64).ceil() as usize).max(1);
            let exact = Duration::from_micros(sorted[rank - 1]);
            let (samples, found) = histogram.quantile(share);
            prop_assert_eq!(samples, sorted.len() as u64);
            prop_assert!(found >= exact);
            prop_assert!(found <= exact + exact / 16 + Duration::from_nanos(1 << STEP_BITS));
        }
    }
}
