use std::time::Duration;

use super::{histogram::Histogram, state::Window};
use crate::common::{
    atomic::{AcqRel, Acquire, AtomicU32, AtomicU64, Relaxed, Release},
    clock::whole_nanos,
};

/// Counts the calls of a window. Times are the clock's nanoseconds.
///
/// What calls write is relaxed: a count that comes a moment late is in the next window. Only one ends
/// a window, whoever takes `may_end`.
pub(super) struct Meter {
    latencies: Histogram,
    /// Good answers in the upper half; in the lower one those whose latency counts.
    answers: AtomicU64,
    drops: AtomicU64,
    /// The most in flight at once.
    peak: AtomicU32,
    min_samples: AtomicU32,
    /// When the limit last came down: what began before says nothing about the present one.
    since: AtomicU64,
    /// From when on the window may end, [`CLAIMED`] while somebody ends it. Taken with acquire and
    /// given back with release, so that the next one to end a window sees what the last one left.
    may_end: AtomicU64,
    /// When it is given up, however few calls it has. Written before `may_end`.
    must_end: AtomicU64,
    /// When it began. As `must_end`.
    began: AtomicU64,
    /// What a call takes without waiting and what one took lately, 0 if unknown. Hints, relaxed.
    baseline: AtomicU64,
    recent: AtomicU64,
}

const CLAIMED: u64 = u64::MAX;
const ONE_ANSWER: u64 = 1 << 32;

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            latencies: Histogram::new(),
            answers: AtomicU64::new(0),
            drops: AtomicU64::new(0),
            peak: AtomicU32::new(0),
            min_samples: AtomicU32::new(1),
            since: AtomicU64::new(0),
            may_end: AtomicU64::new(CLAIMED),
            must_end: AtomicU64::new(0),
            began: AtomicU64::new(0),
            baseline: AtomicU64::new(0),
            recent: AtomicU64::new(0),
        }
    }

    pub(super) fn require(&self, min_samples: u32) {
        self.min_samples.store(min_samples, Relaxed);
    }

    /// So many are in flight.
    #[inline]
    pub(super) fn in_flight(&self, running: u32) {
        if running > self.peak.load(Relaxed) {
            self.peak.fetch_max(running, Relaxed);
        }
    }

    /// A good answer; whether the window may be over.
    #[inline]
    pub(super) fn answered(&self, began: u64, now: u64) -> bool {
        let counts = began >= self.since.load(Relaxed);
        if counts {
            self.latencies.record(now.saturating_sub(began));
        }
        let answers = self
            .answers
            .fetch_add(ONE_ANSWER | u64::from(counts), Relaxed);
        self.may_be_over(u64::from(answers as u32) + u64::from(counts), now)
    }

    /// A call that was given up because there was too much to do; whether the window may be over.
    #[cold]
    pub(super) fn dropped(&self, began: u64, now: u64) -> bool {
        // A burst of drops is one decrease: what began before it is known already.
        if began >= self.since.load(Relaxed) {
            self.drops.fetch_add(1, Relaxed);
        }
        self.may_be_over(u64::from(self.answers.load(Relaxed) as u32), now)
    }

    #[inline]
    fn may_be_over(&self, samples: u64, now: u64) -> bool {
        let samples = samples + self.drops.load(Relaxed);
        let is_full = samples >= u64::from(self.min_samples.load(Relaxed));
        let may_end = self.may_end.load(Relaxed);
        may_end != CLAIMED && now >= may_end && (is_full || now >= self.must_end.load(Relaxed))
    }

    /// Whether it is for the caller to end the window.
    pub(super) fn claim(&self, now: u64) -> bool {
        let may_end = self.may_end.load(Relaxed);
        may_end != CLAIMED
            && now >= may_end
            && self
                .may_end
                .compare_exchange(may_end, CLAIMED, AcqRel, Relaxed)
                .is_ok()
    }

    /// Takes the window, and begins the next with `running` calls in flight. `None` if it had too few.
    pub(super) fn take(&self, now: u64, quantile: f64, running: u32) -> Option<Window> {
        let latencies = self.latencies.take(quantile);
        let answers = self.answers.swap(0, Relaxed) / ONE_ANSWER;
        let drops = self.drops.swap(0, Relaxed);
        let peak = self.peak.swap(running, Relaxed);
        let length = now.saturating_sub(self.began.load(Acquire));
        let window = Window {
            length: Duration::from_nanos(length),
            calls: latencies.count,
            mean: latencies.mean,
            latency: latencies.quantile,
            answers,
            drops,
            peak,
        };
        let enough = latencies.count + drops >= u64::from(self.min_samples.load(Relaxed));
        enough.then_some(window)
    }

    /// The next window begins now, and is given back to whoever ends it.
    pub(super) fn open(&self, now: u64, shortest: Duration, longest: Duration) {
        self.began.store(now, Release);
        // An answer to a change of the limit is not there before two answers' time.
        let answers = Duration::from_nanos(self.recent.load(Relaxed)) * 2;
        let shortest = shortest.max(answers).min(longest);
        let from = |time| now.saturating_add(whole_nanos(time)).min(CLAIMED - 1);
        self.must_end.store(from(longest), Release);
        self.may_end.store(from(shortest), Release);
    }

    /// The limit has come down.
    pub(super) fn decreased(&self, now: u64) {
        self.since.store(now, Relaxed);
    }

    pub(super) fn learned(&self, baseline: Option<Duration>, recent: Duration) {
        if let Some(baseline) = baseline {
            self.baseline.store(whole_nanos(baseline), Relaxed);
        }
        if !recent.is_zero() {
            self.recent.store(whole_nanos(recent), Relaxed);
        }
    }

    /// What a call takes without waiting, in nanoseconds, if that is known.
    pub(super) fn baseline(&self) -> Option<u64> {
        Some(self.baseline.load(Relaxed)).filter(|nanos| *nanos > 0)
    }

    pub(super) fn recent(&self) -> Duration {
        Duration::from_nanos(self.recent.load(Relaxed))
    }
}
