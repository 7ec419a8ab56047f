use super::state::{Booking, Pace};
use crate::common::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release};

/// One limit's permits: a word that says when the bucket is full, and the pace at which it fills.
///
/// A call takes permits by one compare-and-swap of the word. Everything else, such as a new pace, is
/// done by whoever holds the lock of the line; while the pace changes the word says [`CHANGING`].
///
/// A call loads the word before the pace and swaps it after. The pace is stored with release after
/// `CHANGING`, and loaded with acquire: whoever sees any part of a new pace therefore finds that the
/// word is no longer the one that it has loaded, and begins again. So no call mixes two paces.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    full_at: AtomicU64,
    interval: AtomicU64,
    tolerance: AtomicU64,
    step: AtomicU64,
    anchor: AtomicU64,
    /// By how much the word was lowered in all: what calls booked ends earlier by as much as this has
    /// grown since.
    given: AtomicU64,
}

/// Later than every moment, and no call that would start then is let in. Half the range, so that adding
/// to it does not overflow.
const CHANGING: u64 = 1 << 63;

impl Bucket {
    /// Takes one permit that grows smoothly, if it is there; `interval` is that of the bucket, or 0 if
    /// the caller must take the longer way.
    #[inline]
    pub(super) fn take_one(&self, interval: &AtomicU64, now: u64) -> bool {
        loop {
            let full_at = self.full_at.load(Acquire);
            let interval = interval.load(Acquire);
            let next = full_at.max(now) + interval;
            if interval == 0 || next > now + self.tolerance.load(Acquire) {
                return false;
            }
            if self.swap(full_at, next) {
                return true;
            }
        }
    }

    /// In how many nanoseconds [`take_one`](Self::take_one) would get its permit; `None` if it would now,
    /// or if that takes a longer look.
    pub(super) fn one_in(&self, interval: &AtomicU64, now: u64) -> Option<u64> {
        loop {
            let full_at = self.full_at.load(Acquire);
            let interval = interval.load(Acquire);
            let latest = now + self.tolerance.load(Acquire);
            // Nothing is swapped, so it is by a second look that no two paces are mixed. Relaxed: it
            // comes after the loads of the pace, which acquire.
            if self.full_at.load(Relaxed) != full_at {
                continue;
            }
            if interval == 0 || full_at == CHANGING {
                return None;
            }
            let after = (full_at.max(now) + interval).saturating_sub(latest);
            return (after > 0).then_some(after);
        }
    }

    /// Moves the word on. It fails when another call took a permit, so some call always gets on.
    #[inline]
    fn swap(&self, full_at: u64, next: u64) -> bool {
        // Relaxed: a permit carries nothing from one call to the next, and a swap by a call leaves what
        // was released with the word before visible to those that acquire it after.
        self.full_at
            .compare_exchange(full_at, next, Relaxed, Relaxed)
            .is_ok()
    }

    /// Takes permits that are there now; `Err` if they are not.
    pub(super) fn take(&self, cost: u64, factor: f64, now: u64) -> Result<u64, NotNow> {
        loop {
            let (full_at, pace) = self.load();
            if full_at == CHANGING {
                return Err(NotNow);
            }
            let price = scaled(&pace, pace.price(cost).ok_or(NotNow)?, factor);
            let Booking { full_at: next, at } = pace.book(full_at, now, price);
            if at > now {
                return Err(NotNow);
            }
            if self.swap(full_at, next) {
                return Ok(next);
            }
        }
    }

    /// When permits would be there, as far as can be told without taking them; `None` if never. While the
    /// pace changes it is now, so that the caller asks for them in earnest.
    pub(super) fn next(&self, cost: u64, factor: f64, now: u64) -> Option<u64> {
        let (full_at, pace) = self.load();
        if full_at == CHANGING {
            return Some(now);
        }
        let price = scaled(&pace, pace.price(cost)?, factor);
        Some(pace.book(full_at, now, price).at)
    }

    /// Whether permits are there now.
    pub(super) fn has(&self, cost: u64, factor: f64, now: u64) -> bool {
        self.next(cost, factor, now).is_some_and(|at| at <= now)
    }

    /// The word and the pace; they belong together if a swap of the word succeeds.
    pub(super) fn load(&self) -> (u64, Pace) {
        let full_at = self.full_at.load(Acquire);
        let pace = Pace {
            interval: self.interval.load(Acquire),
            tolerance: self.tolerance.load(Acquire),
            step: self.step.load(Acquire),
            anchor: self.anchor.load(Acquire),
        };
        (full_at, pace)
    }

    /// Changes the word. Only with the line locked, so that the pace stays.
    pub(super) fn change(&self, change: impl Fn(u64) -> u64) {
        // As in `swap`: calls may take permits in between.
        let _ = self
            .full_at
            .fetch_update(Relaxed, Relaxed, |full_at| Some(change(full_at)));
    }

    /// Lowers the word: permits come back. Only with the line locked.
    pub(super) fn lower(&self, by: u64) {
        self.change(|full_at| full_at.saturating_sub(by));
        // Release, and after the word: pairs with the load in `given`, so that who finds it counted finds
        // the lower word.
        self.given.fetch_add(by, Release);
    }

    /// By how much the word was lowered in all. Loaded before permits are taken, so that what is lowered
    /// at the same moment counts as later, which is on the safe side.
    pub(super) fn given(&self) -> u64 {
        self.given.load(Acquire)
    }

    /// Puts another word in place of this one. Only with the line locked.
    pub(super) fn replace(&self, full_at: u64, next: u64) -> bool {
        self.swap(full_at, next)
    }

    /// Takes over a pace and converts the word. Only with the line locked. Returns what the word was and
    /// what it is.
    pub(super) fn repace(&self, pace: Pace, convert: impl FnOnce(u64) -> u64) {
        let before = self.full_at.swap(CHANGING, AcqRel);
        self.interval.store(pace.interval, Release);
        self.tolerance.store(pace.tolerance, Release);
        self.step.store(pace.step, Release);
        self.anchor.store(pace.anchor, Release);
        let after = convert(before);
        // Never the same word again, or a call that has loaded it before would not notice the change.
        let after = if after == before { after + 1 } else { after };
        // Release: pairs with the load of the word by calls, which find the new pace then.
        self.full_at.store(after, Release);
    }
}

/// The permits are not there now.
#[derive(Debug)]
pub(super) struct NotNow;

/// A price while permits cost more than usual, but never more than the bucket holds.
pub(super) fn scaled(pace: &Pace, price: u64, factor: f64) -> u64 {
    if factor == 1.0 {
        return price;
    }
    ((price as f64 * factor) as u64).clamp(price, pace.tolerance)
}
