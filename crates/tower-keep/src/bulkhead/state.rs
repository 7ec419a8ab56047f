//! What a bulkhead does, as one word.

use crate::{common::permits::Counts, config::Enforce};

/// What a bulkhead does with calls, as one word that every call reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(u64);

impl Rule {
    const DISABLED: u64 = 1 << 40;

    pub(super) fn new(enabled: bool, enforce: Enforce, limit: u32) -> Self {
        let percent = u64::from(enforce.as_percent()) << 32;
        Self(if enabled {
            percent | u64::from(limit)
        } else {
            Self::DISABLED | percent | u64::from(u32::MAX)
        })
    }

    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(super) const fn to_word(self) -> u64 {
        self.0
    }

    /// How many calls may run; any number while it is switched off.
    #[inline]
    pub(super) const fn limit(self) -> u32 {
        self.0 as u32
    }

    pub(super) const fn enforce(self) -> Enforce {
        Enforce::percent((self.0 >> 32) as u8)
    }

    #[inline]
    pub(super) const fn is_enabled(self) -> bool {
        self.0 & Self::DISABLED == 0
    }
}

impl Counts {
    /// Whether a call that runs beyond the limit, and is counted, would have had a place in the queue.
    pub(super) fn would_wait(self, limit: u32, max_queue: u32) -> bool {
        u64::from(self.running) <= u64::from(limit) + u64::from(max_queue)
    }
}
