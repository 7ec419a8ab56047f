use std::time::Duration;

use super::{
    Delay, Observed,
    histogram::{Histogram, USUAL},
    state,
};
use crate::common::{
    atomic::{AcqRel, AtomicU64, Relaxed},
    clock::{self, Instant},
};

/// How long to wait before a hedge, and what that is learned from.
///
/// The delay is worked out anew a few times a second, by whichever call comes first, so that a call
/// reads one word. The words guard no other memory: relaxed, but for the mark that says who counts.
pub(super) struct Pace<const BUCKETS: usize = USUAL> {
    histogram: Histogram<BUCKETS>,
    /// Nanoseconds, or one of the two marks below.
    delay: AtomicU64,
    /// The last tick in which the delay was worked out; set to 0 to have it done again.
    tick: AtomicU64,
    /// The half window that the histogram fills for.
    half: AtomicU64,
}

/// No hedge before a failure.
const NEVER: u64 = u64::MAX;
/// Set in a delay that is observed.
const OBSERVED: u64 = 1 << 63;
/// A tick is 2^27 ns, an eighth of a second.
const TICK_BITS: u32 = 27;

impl<const BUCKETS: usize> Pace<BUCKETS> {
    pub(super) fn new(delay: Delay) -> Self {
        let pace = Self {
            histogram: Histogram::new(),
            delay: AtomicU64::new(NEVER),
            tick: AtomicU64::new(0),
            half: AtomicU64::new(0),
        };
        pace.configure(delay);
        pace
    }

    /// Goes by another delay; what is known about the service stays.
    pub(super) fn configure(&self, delay: Delay) {
        let word = match delay {
            Delay::Fixed(delay) => clock::whole_nanos(delay),
            Delay::Observed(observed) => OBSERVED | clock::whole_nanos(observed.until_known),
            Delay::OnFailure => NEVER,
        };
        // Exchanged like every other write to them: a model checker loses its way if some are stores.
        self.delay.swap(word, Relaxed);
        self.tick.swap(0, Relaxed);
    }

    /// A call was answered before it had to wait.
    #[inline]
    pub(super) fn answered_at_once(&self) {
        self.histogram.record_at_once();
    }

    /// A call took so long, or longer if it was given up for a faster one.
    pub(super) fn answered(&self, took: Duration) {
        self.histogram.record(took);
    }

    /// How long a call that begins to wait now waits for its answer. `observed` is asked for the
    /// configuration if the delay has to be worked out.
    pub(super) fn delay(&self, now: Instant, observed: impl FnOnce() -> Delay) -> Option<Duration> {
        let word = self.delay.load(Relaxed);
        let is_observed = word != NEVER && word & OBSERVED != 0;
        let word = if is_observed {
            self.learn(word, now, observed)
        } else {
            word
        };
        (word != NEVER).then(|| Duration::from_nanos(word & !OBSERVED))
    }

    fn learn(&self, word: u64, now: Instant, observed: impl FnOnce() -> Delay) -> u64 {
        let nanos = clock::to_nanos(now);
        let tick = nanos >> TICK_BITS;
        // Whoever changes the mark works it out; pairs with itself, in other calls.
        if self.tick.load(Relaxed) == tick || self.tick.swap(tick, AcqRel) == tick {
            return word;
        }
        let Delay::Observed(observed) = observed() else {
            return word;
        };
        self.rotate(&observed, nanos);
        let (samples, quantile) = self.histogram.quantile(observed.quantile);
        let delay = OBSERVED | clock::whole_nanos(state::delay(&observed, samples, quantile));
        // A configuration that came meanwhile is newer.
        match self.delay.compare_exchange(word, delay, Relaxed, Relaxed) {
            Ok(_) => delay,
            Err(newer) => newer,
        }
    }

    /// Forgets what is older than the window.
    fn rotate(&self, observed: &Observed, nanos: u64) {
        let half = nanos / (clock::whole_nanos(observed.window) / 2).max(1);
        let before = self.half.swap(half, AcqRel);
        if before != half {
            self.histogram.rotate();
        }
        if half.abs_diff(before) > 1 {
            self.histogram.rotate();
        }
    }

    /// The delay that was worked out last, and how many calls are known.
    pub(super) fn known(&self) -> (Option<Duration>, u64) {
        let word = self.delay.load(Relaxed);
        let delay = (word != NEVER).then(|| Duration::from_nanos(word & !OBSERVED));
        (delay, self.histogram.quantile(0.5).0)
    }
}
