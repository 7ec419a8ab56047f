//! Milliseconds, for windows and ticks.

use std::{cell::Cell, time::Duration};

use super::{Instant, NANOS_PER_MILLI, nanos_now, to_nanos};
use crate::common::local::thread_local;

/// The present in whole milliseconds, counted as [`nanos_now`] does.
#[inline]
pub(crate) fn millis_now() -> u64 {
    nanos_now() / NANOS_PER_MILLI
}

/// A moment, most likely the present, in whole milliseconds, counted as [`to_nanos`] does.
///
/// The difference of two instants costs more instructions than reading the clock. So each thread
/// keeps the last millisecond that it has seen, and whoever asks again within it compares instants
/// and subtracts none. A clock that is paused, advanced or another runtime's leaves that
/// millisecond, so the answer is always that of the subtraction.
#[inline]
pub(crate) fn millis(now: Instant) -> u64 {
    // In place: a copy of all of it would be most of the work.
    let seen = SEEN.with(|seen| match seen.get() {
        Some(seen) if seen.from <= now && now < seen.until => Some(seen.millis),
        _ => None,
    });
    seen.unwrap_or_else(|| count(now))
}

#[cold]
fn count(now: Instant) -> u64 {
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
#[derive(Clone, Copy)]
struct Millisecond {
    from: Instant,
    until: Instant,
    millis: u64,
}

thread_local! {
    static SEEN: Cell<Option<Millisecond>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::{
        super::{now, to_nanos},
        *,
    };

    #[tokio::test(start_paused = true)]
    async fn milliseconds_follow_the_clock_to_and_fro() {
        let millis = || {
            assert_eq!(millis(now()), millis_now());
            millis_now()
        };
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
