//! The counts of a partition as one word, so that one atomic step changes both.

use crate::common::permits::Counts;

impl Counts {
    #[inline]
    pub(super) fn unpack(word: u64) -> Self {
        Self {
            running: word as u32,
            waiting: (word >> 32) as u32,
        }
    }

    #[inline]
    pub(super) fn pack(self) -> u64 {
        u64::from(self.waiting) << 32 | u64::from(self.running)
    }

    /// The call that waits longest starts to run, if there is a place for it.
    pub(super) fn promote(self, limit: u32) -> Option<Self> {
        (self.waiting > 0 && self.running < limit).then(|| Self {
            running: self.running + 1,
            waiting: self.waiting - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(running: u32, waiting: u32) -> Counts {
        Counts { running, waiting }
    }

    #[test]
    fn a_word_holds_both_counts() {
        for counts in [counts(0, 0), counts(1, u32::MAX), counts(u32::MAX, 7)] {
            assert_eq!(Counts::unpack(counts.pack()), counts);
        }
    }

    #[test]
    fn a_place_goes_to_the_next_only_under_the_limit() {
        assert_eq!(counts(0, 2).promote(1), Some(counts(1, 1)));
        assert_eq!(counts(1, 2).promote(1), None);
        assert_eq!(counts(0, 0).promote(1), None);
    }
}
