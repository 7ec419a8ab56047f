use crate::common::atomic::{AtomicU64, Relaxed};

/// Failures in a row, packed as `[generation | count]`.
///
/// The word is all there is to know and publishes nothing, so all access is relaxed. A success only
/// writes if there is a row to end.
pub(super) struct Streak(AtomicU64);

impl Streak {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A failure; answers how many in a row that makes.
    pub(super) fn lengthen(&self, generation: u64) -> u32 {
        let tag = generation & COUNT;
        let mut seen = self.0.load(Relaxed);
        loop {
            let count = match behind(seen, tag) {
                0 => (seen & COUNT).saturating_add(1).min(COUNT),
                // Somebody failed in a later generation: this failure belongs to none of it.
                behind if behind > COUNT / 2 && holds_row(seen) => return 0,
                _ => 1,
            };
            let next = (tag << TAG_SHIFT) | count;
            match self.0.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
                Ok(_) => return count as u32,
                Err(changed) => seen = changed,
            }
        }
    }

    /// Whether there is a row to end.
    #[inline]
    pub(super) fn is_row(&self) -> bool {
        holds_row(self.0.load(Relaxed))
    }

    /// A success.
    pub(super) fn end(&self, generation: u64) {
        let mut seen = self.0.load(Relaxed);
        while holds_row(seen) && behind(seen, generation & COUNT) == 0 {
            let ended = seen & !COUNT;
            match self.0.compare_exchange_weak(seen, ended, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }

    pub(super) fn count(&self, generation: u64) -> u32 {
        let seen = self.0.load(Relaxed);
        if behind(seen, generation & COUNT) == 0 {
            (seen & COUNT) as u32
        } else {
            0
        }
    }

    pub(super) fn clear(&self) {
        // Exchanged like every other write to it; see the windows.
        self.0.swap(0, Relaxed);
    }
}

#[inline]
fn holds_row(word: u64) -> bool {
    word & COUNT != 0
}

/// How many generations the word is older than `tag`; more than half of [`COUNT`] if it is newer.
fn behind(word: u64, tag: u64) -> u64 {
    tag.wrapping_sub(word >> TAG_SHIFT) & COUNT
}

const TAG_SHIFT: u32 = 32;
const COUNT: u64 = u32::MAX as u64;
