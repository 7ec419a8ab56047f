use crate::common::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release};

/// Free places that are kept together, and a bell.
///
/// All in one word, so that they change in one order: in the lower half how many places are free, and
/// [`BELL`]; in the upper one how often places were put in. While the bell is up nobody takes a place from
/// here but whoever looks after those who wait, and whoever puts one in has to ring for him. Either
/// the bell went up first and is seen, or the place did.
#[derive(Debug, Default)]
pub(super) struct Stock {
    word: AtomicU64,
    /// Calls that were turned away by threads that look here first. Statistics; relaxed.
    refused: AtomicU64,
}

/// Where the lower half has its sign, so that one comparison tells whether a place may be taken.
const BELL: u64 = 1 << 31;
const ONE_PUT: u64 = 1 << 32;

/// The most places that there can be in all.
pub(super) const MOST: u32 = i32::MAX as u32;

impl Stock {
    /// Takes a place, if there is one to be taken. Acquire, which pairs with [`put`](Self::put): what a
    /// call did before it left is seen by the one that takes its place. Release as well, which pairs
    /// with [`look`](Self::look): who finds that it is gone finds what was put elsewhere before.
    #[inline]
    pub(super) fn take(&self) -> bool {
        self.word
            .fetch_update(AcqRel, Relaxed, |word| {
                Seen(word).may_take().then(|| word - 1)
            })
            .is_ok()
    }

    /// Takes as many as there are, up to `most`, whatever the bell says. Release as well: whoever sees
    /// that they are gone sees why.
    pub(super) fn take_up_to(&self, most: u64) -> u64 {
        let mut taken = 0;
        let _ = self.word.fetch_update(AcqRel, Relaxed, |word| {
            taken = Seen(word).free().min(most);
            (taken > 0).then(|| word - taken)
        });
        taken
    }

    /// Puts places in; whether the bell is up.
    #[inline]
    #[must_use]
    pub(super) fn put(&self, places: u64) -> bool {
        let before = self.word.fetch_add(ONE_PUT + places, Release);
        before & BELL != 0
    }

    /// What is here.
    #[inline]
    pub(super) fn look(&self) -> Seen {
        Seen(self.word.load(Acquire))
    }

    pub(super) fn set_bell(&self, up: bool) {
        if up {
            self.word.fetch_or(BELL, AcqRel);
        } else {
            self.word.fetch_and(!BELL, AcqRel);
        }
    }

    #[inline]
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(super) fn forget_refused(&self) {
        self.refused.store(0, Relaxed);
    }
}

/// A stock at one moment.
#[derive(Clone, Copy)]
pub(super) struct Seen(u64);

impl Seen {
    #[inline]
    pub(super) const fn free(self) -> u64 {
        self.0 & (BELL - 1)
    }

    #[inline]
    pub(super) const fn may_take(self) -> bool {
        self.0 as i32 > 0
    }

    /// How often places were put in.
    #[inline]
    pub(super) const fn puts(self) -> u64 {
        self.0 / ONE_PUT
    }
}
