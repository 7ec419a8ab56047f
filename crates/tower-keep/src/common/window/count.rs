use super::{Counts, Outcome};
use crate::common::atomic::{AtomicU64, Relaxed};

/// The last `len` outcomes, exactly.
///
/// A ring of slots, 16 to a word packed as `[generation | 16 x (slow, bad, present)]`. A record takes
/// the next place and puts its outcome where the outcome of `len` calls ago was; counting is three
/// population counts for each word.
pub(crate) struct CountWindow {
    next: AtomicU64,
    words: [AtomicU64; Self::MAX_LEN / SLOTS],
}

impl CountWindow {
    /// The longest window: more is better served by a window of time.
    pub(crate) const MAX_LEN: usize = 1024;

    pub(crate) fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(crate) fn clear(&self) {
        for word in &self.words {
            word.swap(0, Relaxed);
        }
    }

    pub(crate) fn record(&self, len: usize, generation: u64, outcome: Outcome) {
        let place = (self.next.fetch_add(1, Relaxed) % len as u64) as usize;
        let word = &self.words[place / SLOTS];
        let shift = (place % SLOTS) as u32 * SLOT_BITS;
        let bad = if outcome.bad { BAD } else { 0 };
        let slow = if outcome.slow { SLOW } else { 0 };
        let slot = (PRESENT | bad | slow) << shift;
        let mut seen = word.load(Relaxed);
        loop {
            let kept = match generations_behind(seen, generation) {
                0 => seen & ALL_SLOTS & !(SLOT << shift),
                // Somebody recorded into a later generation: this call belongs to none of it.
                behind if behind > TAGS / 2 && seen & ALL_SLOTS != 0 => return,
                _ => 0,
            };
            let next = (generation << TAG_SHIFT) | kept | slot;
            match word.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }

    pub(crate) fn counts(&self, len: usize, generation: u64) -> Counts {
        let mut counts = Counts::default();
        for (nth, word) in self.words[..len.div_ceil(SLOTS)].iter().enumerate() {
            let word = word.load(Relaxed);
            if generations_behind(word, generation) != 0 {
                continue;
            }
            // Beyond the end is only what somebody left there who still knew a longer window. Nobody
            // writes over it, so it would count for ever.
            let beyond = SLOTS - (len - nth * SLOTS).min(SLOTS);
            let word = word & (ALL_SLOTS >> (beyond as u32 * SLOT_BITS));
            counts.total += u64::from((word & EACH).count_ones());
            counts.bad += u64::from((word & (EACH * BAD)).count_ones());
            counts.slow += u64::from((word & (EACH * SLOW)).count_ones());
        }
        counts
    }
}

/// How many generations the word is older than `generation`; more than half of [`TAGS`] if it is
/// newer.
fn generations_behind(word: u64, generation: u64) -> u64 {
    generation.wrapping_sub(word >> TAG_SHIFT) % TAGS
}

const SLOTS: usize = 16;
const SLOT_BITS: u32 = 3;
const PRESENT: u64 = 0b001;
const BAD: u64 = 0b010;
const SLOW: u64 = 0b100;
const SLOT: u64 = 0b111;
const TAG_SHIFT: u32 = SLOTS as u32 * SLOT_BITS;
const ALL_SLOTS: u64 = (1 << TAG_SHIFT) - 1;
/// A bit for each slot: whether it is [`PRESENT`].
const EACH: u64 = ALL_SLOTS / SLOT;
/// How many generations there are before they come round again. Enough to tell a straggler: the
/// window is cleared when a generation begins.
const TAGS: u64 = 1 << (u64::BITS - TAG_SHIFT);
