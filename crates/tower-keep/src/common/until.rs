//! How long the present call may take, handed from layer to layer without being asked for the time.

use std::cell::Cell;
#[cfg(any(feature = "timeout", test))]
use std::time::Duration;

use super::{
    clock::{self, Instant},
    local::thread_local,
};

/// How long something may take, as one word, so that the earlier of two is mostly one comparison.
///
/// It is *open* while nobody has needed to know what time it is: so long, counted from the moment
/// somebody does. It is *fixed* from then on. A call that is answered at once never reads the clock.
///
/// What is fixed also tells whether it is the *caller's*: set by a stranger, and so none of the
/// service's business when it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Until(u64);

impl Until {
    /// No end. It is later than everything else.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// No end either, where the code that runs must look at more than how long it has: the call is
    /// recorded. Later than everything else but [`NEVER`](Self::NEVER), so that one comparison tells
    /// the usual call, with nothing outside, from all others.
    const LOOK: Self = Self(u64::MAX - 1);

    /// Set in what is open, the nanoseconds of its length below; what is fixed is smaller.
    const OPEN: u64 = 1 << 63;

    /// Set in what is fixed and the caller's; the nanoseconds of the moment above. In the lowest bit,
    /// so that of two at the same moment ours is the earlier.
    const CALLERS: u64 = 1;

    /// This long, from whenever it is asked; a year at the most.
    #[cfg(any(feature = "timeout", test))]
    pub(crate) fn open(time: Duration) -> Self {
        Self(Self::OPEN | clock::whole_nanos(time.min(clock::YEAR)))
    }

    /// This moment.
    pub(crate) fn fixed(moment: Instant) -> Self {
        Self::at(clock::to_nanos(moment))
    }

    /// The same, in the clock's nanoseconds.
    #[inline]
    const fn at(nanos: u64) -> Self {
        const LAST: u64 = (Until::OPEN >> 1) - 1;
        Self(if nanos < LAST { nanos } else { LAST } << 1)
    }

    /// The same, set by a caller who may be anybody.
    #[cfg(feature = "timeout")]
    pub(crate) const fn of_caller(self) -> Self {
        if self.is_fixed() {
            Self(self.0 | Self::CALLERS)
        } else {
            self
        }
    }

    /// Whether it was set by a caller who may be anybody.
    #[cfg(feature = "timeout")]
    pub(crate) const fn is_callers(self) -> bool {
        self.is_fixed() && self.0 & Self::CALLERS != 0
    }

    /// The word, to be kept in an atomic.
    #[cfg(feature = "timeout")]
    #[inline]
    pub(crate) const fn to_word(self) -> u64 {
        self.0
    }

    /// What [`to_word`](Self::to_word) gave.
    #[cfg(feature = "timeout")]
    #[inline]
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(crate) const fn is_fixed(self) -> bool {
        self.0 < Self::OPEN
    }

    /// Whether there is no end.
    #[inline]
    pub(crate) const fn is_never(self) -> bool {
        self.0 >= Self::LOOK.0
    }

    /// The same, fixed if it was open: it counts from `now`, in the clock's nanoseconds.
    #[inline]
    pub(crate) fn fix(self, now: impl FnOnce() -> u64) -> Self {
        if self.is_fixed() || self.is_never() {
            return self;
        }
        Self::at(now().saturating_add(self.0 & !Self::OPEN))
    }

    /// The earlier of the two; what is open counts from now if it must be compared with a moment.
    #[inline]
    pub(crate) fn earlier(self, other: Self) -> Self {
        // The usual case, in one comparison: there is nothing outside.
        if other == Self::NEVER {
            return self;
        }
        self.earlier_of(other)
    }

    #[cold]
    fn earlier_of(self, other: Self) -> Self {
        let (low, high) = (self.0.min(other.0), self.0.max(other.0));
        // Two moments, or two lengths, compare as they are; and nothing is later than never.
        if low >= Self::OPEN || high < Self::OPEN || Self(high).is_never() {
            return Self(low);
        }
        Self(low.min(Self(high).fix(clock::nanos_now).0))
    }

    /// The moment, if it is fixed.
    pub(crate) fn moment(self) -> Option<Instant> {
        self.is_fixed().then(|| clock::from_nanos(self.0 >> 1))
    }

    /// The same in the clock's nanoseconds.
    #[cfg(feature = "timeout")]
    #[inline]
    pub(crate) const fn nanos(self) -> Option<u64> {
        if self.is_fixed() {
            Some(self.0 >> 1)
        } else {
            None
        }
    }
}

thread_local! {
    /// The present call's, while it is being polled. A plain cell is enough, and cheaper than a
    /// task-local: whoever sets it puts the old value back before the poll returns.
    static CURRENT: Cell<Until> = const { Cell::new(Until::NEVER) };
}

/// How long the work that runs now may take.
#[cfg(any(feature = "timeout", test))]
#[inline]
pub(crate) fn current() -> Until {
    CURRENT.get()
}

/// Whether there is nothing to look at: no end outside, and nobody records the call.
#[cfg(any(feature = "timeout", test))]
#[inline]
pub(crate) fn is_usual() -> bool {
    CURRENT.get() == Until::NEVER
}

/// Runs `work`, which is recorded.
pub(crate) fn looking<R>(work: impl FnOnce() -> R) -> R {
    let mut until = Until::LOOK;
    within(&mut until, work)
}

/// The same as a moment; whoever asks makes it one, for the call that it belongs to as well.
pub(crate) fn current_moment() -> Option<Instant> {
    let until = CURRENT.get().fix(clock::nanos_now);
    CURRENT.set(until);
    until.moment()
}

/// Runs `work`, which may take until `until`, or until the end outside if that is earlier.
#[inline]
pub(crate) fn within<R>(until: &mut Until, work: impl FnOnce() -> R) -> R {
    let _within = Within::new(until);
    work()
}

/// While it lives, the thread's work may take until its end, or until the end outside if that is
/// earlier. For work that takes something long along, which a closure would copy.
///
/// Afterwards the end is what the work went by: the earlier of the two, and fixed if anybody asked. A
/// panic leaves no deadline on the thread.
#[must_use = "it is over when this is dropped"]
pub(crate) struct Within<'a> {
    until: &'a mut Until,
    outer: Until,
}

impl<'a> Within<'a> {
    #[inline]
    pub(crate) fn new(until: &'a mut Until) -> Self {
        let outer = CURRENT.get();
        CURRENT.set(until.earlier(outer));
        Self { until, outer }
    }
}

impl Drop for Within<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.until = CURRENT.replace(self.outer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_moment_survives_the_word() {
        let now = clock::now();
        for moment in [now, now + clock::YEAR, now - SECOND] {
            assert_eq!(Until::fixed(moment).moment(), Some(moment));
        }
        assert_eq!(Until::NEVER.moment(), None);
        assert_eq!(Until::open(SECOND).moment(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_is_found_whatever_they_are() {
        let [short, long] = [SECOND, 5 * SECOND].map(Until::open);
        let [soon, late] = [SECOND, 5 * SECOND].map(|time| Until::fixed(clock::now() + time));
        let table = [
            (short, long, short),
            (soon, late, soon),
            (soon, long, soon),
            (short, late, soon),
            (short, Until::NEVER, short),
            (soon, Until::NEVER, soon),
            (Until::NEVER, Until::NEVER, Until::NEVER),
        ];
        for (one, other, earlier) in table {
            assert_eq!(one.earlier(other), earlier, "{one:?}, {other:?}");
            assert_eq!(other.earlier(one), earlier, "{other:?}, {one:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_open_until_somebody_asks() {
        let mut until = Until::open(SECOND);
        within(&mut until, || ());
        assert_eq!(until, Until::open(SECOND));
        let asked = within(&mut until, current_moment);
        assert_eq!(asked, Some(clock::now() + SECOND));
        assert_eq!(until.moment(), asked);
        assert_eq!(current(), Until::NEVER);
    }

    #[cfg(feature = "timeout")]
    #[tokio::test(start_paused = true)]
    async fn a_callers_moment_is_the_same_moment_and_yields_to_ours() {
        let ours = Until::fixed(clock::now() + SECOND);
        let callers = ours.of_caller();
        assert!(callers.is_callers() && !ours.is_callers());
        assert_eq!(callers.moment(), ours.moment());
        assert_eq!(callers.earlier(ours), ours);
        assert!(!Until::open(SECOND).of_caller().is_callers());
        assert!(!Until::NEVER.of_caller().is_callers());
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let mut until = Until::open(SECOND);
        let work = std::panic::AssertUnwindSafe(|| within(&mut until, || panic!("in a handler")));
        assert!(std::panic::catch_unwind(work).is_err());
        assert_eq!(current(), Until::NEVER);
    }
}
