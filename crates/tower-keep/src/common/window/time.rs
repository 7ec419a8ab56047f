use super::{Counts, Outcome};
use crate::common::atomic::{AtomicU64, Relaxed};

/// The outcomes of the last ten ticks, the present one included.
///
/// Each tick has a bucket, one word packed as `[stamp | bad | total]`, so that whoever comes first in
/// a new tick replaces stamp and counts at once. Slow calls have a word of their own, which only a
/// slow call writes to.
///
/// The stamp is the tick, moved on by two windows with each generation: buckets of an earlier
/// generation are out of the window at once, and the stamp of a straggler, even of one whose clock is
/// a window ahead, is older than any fresh one.
///
/// A bucket that holds [`MOST`] calls ignores further ones: the ratio stays, and so does the cost.
pub(crate) struct TimeWindow {
    buckets: [Bucket; PLACES],
}

#[derive(Default)]
struct Bucket {
    calls: AtomicU64,
    slow: AtomicU64,
}

impl TimeWindow {
    /// Ticks in a window: its edge is exact to a tenth.
    pub(crate) const BUCKETS: u64 = 10;

    pub(crate) fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Bucket::default()),
        }
    }

    pub(crate) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.calls.store(0, Relaxed);
            bucket.slow.store(0, Relaxed);
        }
    }

    #[inline]
    pub(crate) fn record(&self, tick: u64, generation: u64, outcome: Outcome) {
        let stamp = stamp(tick, generation);
        let bucket = &self.buckets[stamp as usize % PLACES];
        let one = if outcome.bad { ONE | ONE_BAD } else { ONE };
        add(&bucket.calls, stamp, one);
        if outcome.slow {
            add(&bucket.slow, stamp, ONE);
        }
    }

    pub(crate) fn counts(&self, tick: u64, generation: u64) -> Counts {
        let stamp = stamp(tick, generation);
        let mut counts = Counts::default();
        for age in 0..Self::BUCKETS {
            let stamp = stamp.wrapping_sub(age);
            let of_then = |word: &AtomicU64| {
                let word = word.load(Relaxed);
                if behind(word, stamp) == 0 { word } else { 0 }
            };
            let bucket = &self.buckets[stamp as usize % PLACES];
            let calls = of_then(&bucket.calls);
            counts.total += calls & MOST;
            counts.bad += (calls / ONE_BAD) & MOST;
            counts.slow += of_then(&bucket.slow) & MOST;
        }
        counts
    }
}

fn stamp(tick: u64, generation: u64) -> u64 {
    tick.wrapping_add(generation.wrapping_mul(2 * TimeWindow::BUCKETS))
}

/// The usual case: the bucket is of this tick, and nobody else writes to it at this moment.
#[inline]
fn add(word: &AtomicU64, stamp: u64, one: u64) {
    let seen = word.load(Relaxed);
    let has_room = (1..MOST).contains(&(seen & MOST));
    if has_room
        && behind(seen, stamp) == 0
        && word
            .compare_exchange_weak(seen, seen + one, Relaxed, Relaxed)
            .is_ok()
    {
        return;
    }
    add_with_care(word, stamp, one);
}

#[cold]
fn add_with_care(word: &AtomicU64, stamp: u64, one: u64) {
    let mut seen = word.load(Relaxed);
    loop {
        let next = match behind(seen, stamp) {
            // Full. Also keeps `bad`, which is never more, from running over.
            0 if seen & MOST == MOST => return,
            0 if seen & MOST > 0 => seen + one,
            // An empty bucket has no age.
            age if seen & MOST > 0 && age > STAMPS - STRAGGLER => return,
            _ => (stamp << STAMP_SHIFT) | one,
        };
        match word.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(changed) => seen = changed,
        }
    }
}

/// Buckets that there is room for: a power of two above those in use, so that a stamp finds its own
/// without a division.
const PLACES: usize = 16;

/// How many ticks the word's stamp is older than `stamp`; close to [`STAMPS`] if it is newer.
fn behind(word: u64, stamp: u64) -> u64 {
    stamp.wrapping_sub(word >> STAMP_SHIFT) % STAMPS
}

/// The most calls that one bucket counts: with ticks of a second, 262,143 a second.
const MOST: u64 = (1 << COUNT_BITS) - 1;
const ONE: u64 = 1;
const ONE_BAD: u64 = 1 << COUNT_BITS;
const COUNT_BITS: u32 = 18;
const STAMP_SHIFT: u32 = 2 * COUNT_BITS;
/// How many stamps there are before they come round again: 3 days of milliseconds, 8 years of
/// seconds. Only a bucket that nobody has touched for just as long could be taken for a fresh one.
const STAMPS: u64 = 1 << (u64::BITS - STAMP_SHIFT);
/// A bucket that is newer by up to this many ticks makes its writer a straggler; by more, the bucket
/// is a relic from before the stamps came round.
const STRAGGLER: u64 = 1024;
