use crate::common::atomic::{AtomicU64, Relaxed};

/// Counts of the last ticks, in words that many may write at once.
///
/// Each tick has a word, packed as `[stamp | total | bad]`, so that whoever comes first in a new tick
/// replaces stamp and counts at once.
///
/// The stamp is the tick, moved on by two windows with each generation: words of an earlier
/// generation are out of the window at once, and the stamp of a straggler, even of one whose clock is
/// a window ahead, is older than any fresh one.
///
/// A word that holds [`MOST`] calls ignores further ones: the ratio stays, and so does the cost.
#[derive(Debug)]
pub(crate) struct Ring {
    words: [AtomicU64; PLACES],
}

impl Ring {
    /// Ticks in a window: its edge is exact to a tenth.
    pub(crate) const TICKS: u64 = 10;

    pub(crate) fn new() -> Self {
        Self {
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(crate) fn clear(&self) {
        for word in &self.words {
            // Exchanged like every other write to it: a model checker loses its way if some are stores.
            word.swap(0, Relaxed);
        }
    }

    /// Counts a call.
    ///
    /// In line is the usual case: the word is of this tick, and nobody else writes to it at this
    /// moment.
    #[inline]
    pub(crate) fn add(&self, tick: u64, generation: u64, bad: bool) {
        let stamp = stamp(tick, generation);
        let one = if bad { ONE | ONE_BAD } else { ONE };
        let word = &self.words[stamp as usize % PLACES];
        let seen = word.load(Relaxed);
        // Of another tick, this is more than any counts are.
        let counts = seen.wrapping_sub(stamp << STAMP_SHIFT);
        let usual = counts < FULL
            && word
                .compare_exchange_weak(seen, seen + one, Relaxed, Relaxed)
                .is_ok();
        if !usual {
            add_with_care(word, stamp, one);
        }
    }

    /// What was counted in a window that ends with this tick: all calls, and the bad ones.
    pub(crate) fn sum(&self, tick: u64, generation: u64) -> (u64, u64) {
        let add = |(total, bad), (more, worse)| (total + more, bad + worse);
        self.ticks(tick, generation).fold((0, 0), add)
    }

    /// The same for each tick of it, the latest first.
    pub(crate) fn ticks(&self, tick: u64, generation: u64) -> impl Iterator<Item = (u64, u64)> {
        let last = stamp(tick, generation);
        (0..Self::TICKS).map(move |age| {
            let stamp = last.wrapping_sub(age);
            let word = self.words[stamp as usize % PLACES].load(Relaxed);
            if behind(word, stamp) == 0 {
                ((word / ONE) & MOST, word & MOST)
            } else {
                (0, 0)
            }
        })
    }
}

#[inline]
fn stamp(tick: u64, generation: u64) -> u64 {
    tick.wrapping_add(generation.wrapping_mul(2 * Ring::TICKS))
}

#[cold]
fn add_with_care(word: &AtomicU64, stamp: u64, one: u64) {
    let mut seen = word.load(Relaxed);
    loop {
        let next = match behind(seen, stamp) {
            // Also keeps `bad`, which is never more, from running over.
            0 if seen & FULL == FULL => return,
            0 => seen + one,
            // An empty word has no age.
            age if seen & FULL > 0 && age > STAMPS - STRAGGLER => return,
            _ => (stamp << STAMP_SHIFT) | one,
        };
        match word.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(changed) => seen = changed,
        }
    }
}

/// Words that there is room for: a power of two above those in use, so that a stamp finds its own
/// without a division.
const PLACES: usize = 16;

/// How many ticks the word's stamp is older than `stamp`; close to [`STAMPS`] if it is newer.
#[inline]
fn behind(word: u64, stamp: u64) -> u64 {
    stamp.wrapping_sub(word >> STAMP_SHIFT) % STAMPS
}

/// The most calls that one word counts: with ticks of a second, 262,143 a second.
const MOST: u64 = (1 << COUNT_BITS) - 1;
const ONE: u64 = 1 << COUNT_BITS;
const ONE_BAD: u64 = 1;
/// A `total` of [`MOST`].
const FULL: u64 = MOST << COUNT_BITS;
const COUNT_BITS: u32 = 18;
const STAMP_SHIFT: u32 = 2 * COUNT_BITS;
/// How many stamps there are before they come round again: 3 days of milliseconds, 8 years of
/// seconds. Only a word that nobody has touched for just as long could be taken for a fresh one.
const STAMPS: u64 = 1 << (u64::BITS - STAMP_SHIFT);
/// A word that is newer by up to this many ticks makes its writer a straggler; by more, the word
/// is a relic from before the stamps came round.
const STRAGGLER: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where two write at once, what the short way leaves is not lost: seldom seen from outside.
    #[test]
    fn what_is_left_to_care_is_counted_until_the_word_is_full() {
        let word = AtomicU64::new(0);
        let held = || {
            let word = word.load(Relaxed);
            ((word / ONE) & MOST, word & MOST)
        };
        for calls in 1..=3 {
            add_with_care(&word, 7, ONE | ONE_BAD);
            assert_eq!(held(), (calls, calls));
        }
        add_with_care(&word, 7, ONE);
        assert_eq!(held(), (4, 3));
        word.store((7 << STAMP_SHIFT) | FULL | 5, Relaxed);
        add_with_care(&word, 7, ONE | ONE_BAD);
        assert_eq!(held(), (MOST, 5));
    }
}
