//! Moments as words.

use std::{sync::LazyLock, time::Duration};

use super::{Instant, now, pausable::PAUSABLE, quick};

/// A moment as nanoseconds, counted from one that is the same for the whole process. That is nine
/// years before [`EPOCH`], so that moments before it have a number too.
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

/// The present as [`to_nanos`] gives it, for less than half of what an instant costs.
///
/// Exactly so where the clock can be paused, and within some nanoseconds where not: twenty
/// microseconds at the worst, and two readings may differ as much the wrong way round, so subtract
/// them saturating.
#[inline]
pub(crate) fn nanos_now() -> u64 {
    if PAUSABLE {
        to_nanos(now())
    } else {
        quick::nanos()
    }
}

/// The nanoseconds of a time, as far as a word goes: 584 years.
pub(crate) fn whole_nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Any moment serves: moments are kept as the distance from this one.
static EPOCH: LazyLock<Instant> = LazyLock::new(now);

/// Two bits are free for other uses until a century has passed.
const AT_EPOCH: u64 = 1 << 58;

#[cfg(test)]
mod tests {
    use super::{super::YEAR, *};

    #[tokio::test(start_paused = true)]
    async fn moments_survive_the_word_on_both_sides_of_the_epoch() {
        for moment in [now(), *EPOCH, *EPOCH + YEAR, *EPOCH - YEAR] {
            assert_eq!(from_nanos(to_nanos(moment)), moment);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_present_is_exact() {
        for step in [0, 1, 999_999_999, 3_600_123_456_789] {
            tokio::time::advance(Duration::from_nanos(step)).await;
            assert_eq!(nanos_now(), to_nanos(now()));
            assert_eq!(from_nanos(nanos_now()), now());
        }
    }
}
