//! The one place that asks what time it is, so that `tokio::time::pause` works on all of it.

use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    sync::LazyLock,
    time::{Duration, SystemTime},
};

pub(crate) use tokio::time::Instant;

/// Longer than any wait that makes sense, short enough for every timer.
pub(crate) const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The present, in tokio time. Works outside a runtime too.
#[inline]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The present as the calendar has it: what the wall clock said when the process asked first, and
/// tokio time since, so that tests can move it and no adjustment of the clock moves it back.
pub(crate) fn wall() -> SystemTime {
    static START: LazyLock<(SystemTime, Instant)> = LazyLock::new(|| (SystemTime::now(), now()));
    let (wall, start) = *START;
    match now().checked_duration_since(start) {
        Some(after) => wall + after,
        None => wall - start.duration_since(now()),
    }
}

/// A moment as nanoseconds, counted from one that is the same for the whole process. Half way up the
/// range is [`EPOCH`], so that moments before it have a number too.
pub(crate) fn to_nanos(moment: Instant) -> u64 {
    match moment.checked_duration_since(*EPOCH) {
        Some(after) => AT_EPOCH.saturating_add(whole_nanos(after)),
        None => AT_EPOCH.saturating_sub(whole_nanos(EPOCH.duration_since(moment))),
    }
}

/// What [`to_nanos`] was given.
pub(crate) fn from_nanos(nanos: u64) -> Instant {
    match nanos.checked_sub(AT_EPOCH) {
        Some(after) => *EPOCH + Duration::from_nanos(after),
        None => *EPOCH - Duration::from_nanos(AT_EPOCH - nanos),
    }
}

/// The present as [`to_nanos`] gives it.
///
/// The difference of two instants costs three times what reading the clock does. An instant is seconds
/// and nanoseconds, and shows them to whoever hashes it; so this reads them there, and counts. Whether
/// they mean what they seem to is checked once, and if not the difference is taken.
#[cfg(feature = "rate-limit")]
#[inline]
pub(crate) fn nanos_now() -> u64 {
    let now = now();
    match *OFFSET {
        0 => to_nanos(now),
        offset => Parts::of(now).nanos().wrapping_add(offset),
    }
}

/// What the parts of an instant are less than its [`to_nanos`]; 0 if they are something else.
#[cfg(feature = "rate-limit")]
static OFFSET: LazyLock<u64> = LazyLock::new(|| {
    let offset = |moment| to_nanos(moment).wrapping_sub(Parts::of(moment).nanos());
    let later = [1, 999_999_999, 1_000_000_000, 86_400_123_456_789].map(Duration::from_nanos);
    let at_epoch = offset(*EPOCH);
    let same = later
        .iter()
        .all(|later| offset(*EPOCH + *later) == at_epoch);
    if same { at_epoch } else { 0 }
});

/// The seconds and nanoseconds that an instant is made of.
#[cfg(feature = "rate-limit")]
#[derive(Default)]
struct Parts {
    seconds: u64,
    nanos: u32,
}

#[cfg(feature = "rate-limit")]
impl Parts {
    #[inline]
    fn of(moment: Instant) -> Self {
        let mut parts = Self::default();
        moment.hash(&mut parts);
        parts
    }

    #[inline]
    fn nanos(&self) -> u64 {
        let seconds = self.seconds.wrapping_mul(1_000_000_000);
        seconds.wrapping_add(u64::from(self.nanos))
    }
}

#[cfg(feature = "rate-limit")]
impl Hasher for Parts {
    #[inline]
    fn write_i64(&mut self, seconds: i64) {
        self.seconds = seconds as u64;
    }

    #[inline]
    fn write_u64(&mut self, seconds: u64) {
        self.seconds = seconds;
    }

    #[inline]
    fn write_u32(&mut self, nanos: u32) {
        self.nanos = nanos;
    }

    /// Nothing that is known: the check will find out.
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        self.nanos()
    }
}

/// The present in whole milliseconds; see [`millis`].
#[cfg(any(feature = "circuit-breaker", feature = "throttle"))]
pub(crate) fn millis_now() -> u64 {
    millis(now())
}

/// A moment, most likely the present, in whole milliseconds, counted as [`to_nanos`] does.
///
/// The difference of two instants costs more instructions than reading the clock. So each thread
/// keeps the last millisecond that it has seen, and whoever asks again within it compares instants
/// and subtracts none. A clock that is paused, advanced or another runtime's leaves that
/// millisecond, so the answer is always that of the subtraction.
#[cfg(any(feature = "balance", feature = "circuit-breaker", feature = "throttle"))]
#[inline]
pub(crate) fn millis(now: Instant) -> u64 {
    // In place: a copy of all of it would be most of the work.
    let seen = SEEN.with(|seen| match seen.get() {
        Some(seen) if seen.from <= now && now < seen.until => Some(seen.millis),
        _ => None,
    });
    seen.unwrap_or_else(|| count_millis(now))
}

#[cfg(any(feature = "balance", feature = "circuit-breaker", feature = "throttle"))]
#[cold]
fn count_millis(now: Instant) -> u64 {
    let nanos = to_nanos(now);
    let left = NANOS_PER_MILLI - nanos % NANOS_PER_MILLI;
    let seen = Millisecond {
        from: now,
        until: now + Duration::from_nanos(left),
        millis: nanos / NANOS_PER_MILLI,
    };
    SEEN.set(Some(seen));
    seen.millis
}

/// A millisecond, as far as it has been seen.
#[cfg(any(feature = "balance", feature = "circuit-breaker", feature = "throttle"))]
#[derive(Clone, Copy)]
struct Millisecond {
    from: Instant,
    until: Instant,
    millis: u64,
}

#[cfg(any(feature = "balance", feature = "circuit-breaker", feature = "throttle"))]
thread_local! {
    static SEEN: Cell<Option<Millisecond>> = const { Cell::new(None) };
}

/// Any moment serves: moments are kept as the distance from this one.
static EPOCH: LazyLock<Instant> = LazyLock::new(now);

/// The middle of the smallest quarter of all words: two bits are free for other uses.
const AT_EPOCH: u64 = 1 << 61;

#[cfg(any(feature = "balance", feature = "circuit-breaker", feature = "throttle"))]
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The nanoseconds of a time, as far as a word goes: 584 years.
pub(crate) fn whole_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn moments_survive_the_word_on_both_sides_of_the_epoch() {
        for moment in [now(), *EPOCH, *EPOCH + YEAR, *EPOCH - YEAR] {
            assert_eq!(from_nanos(to_nanos(moment)), moment);
        }
    }

    #[cfg(feature = "rate-limit")]
    #[tokio::test(start_paused = true)]
    async fn nanoseconds_are_those_of_the_difference() {
        assert!(*OFFSET != 0, "the quick way works here");
        for step in [0, 1, 999_999_999, 3_600_123_456_789] {
            tokio::time::advance(Duration::from_nanos(step)).await;
            assert_eq!(nanos_now(), to_nanos(now()));
        }
    }

    #[cfg(any(feature = "balance", feature = "circuit-breaker", feature = "throttle"))]
    #[tokio::test(start_paused = true)]
    async fn milliseconds_follow_the_clock_to_and_fro() {
        let millis = || millis(now());
        let start = millis();
        let into = to_nanos(now()) % NANOS_PER_MILLI;
        tokio::time::advance(Duration::from_nanos(NANOS_PER_MILLI - into - 1)).await;
        assert_eq!(millis(), start, "the last nanosecond of it");
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert_eq!(millis(), start + 1, "the first of the next");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(millis(), start + 3_600_001);
        let elsewhere = super::millis(now() - Duration::from_secs(7200));
        assert_eq!(elsewhere, start - 3_599_999, "another runtime's clock");
        assert_eq!(millis(), start + 3_600_001);
    }
}
