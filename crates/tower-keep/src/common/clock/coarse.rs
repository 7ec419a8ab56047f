//! The time for whoever tolerates that it is a millisecond old: read for one call in sixteen.

use std::{cell::Cell, time::Duration};

use super::{NANOS_PER_MILLI, millis_now, nanos_now, pausable::PAUSABLE};

/// The present in whole milliseconds, as a call of this thread saw it shortly before.
///
/// A reading serves further calls while calls come fast: so many that, at the pace of those before,
/// the last of them comes within a millisecond, and never more than fifteen. A clock that stands
/// still says nothing about the pace, so it is read for each call; one that can be paused, too.
///
/// When fast calls stop and go on much later, the first fifteen at most hear the old time. So this is
/// for where a few calls of a burst may be put down to its beginning, and for nothing else.
#[inline]
pub(crate) fn millis_coarse() -> u64 {
    if PAUSABLE {
        return millis_now();
    }
    let reading = READING.get();
    let reading = reading.again().unwrap_or_else(|| reading.next(nanos_now()));
    READING.set(reading);
    reading.millis
}

thread_local! {
    static READING: Cell<Reading> = const { Cell::new(Reading::NONE) };
}

/// A reading of the clock, and the calls that it is to serve.
#[derive(Clone, Copy)]
struct Reading {
    nanos: u64,
    millis: u64,
    /// Calls it serves after the one that read it.
    serves: u32,
    /// How many of them are still to come.
    left: u32,
}

impl Reading {
    const NONE: Self = Self {
        nanos: 0,
        millis: 0,
        serves: 0,
        left: 0,
    };

    /// The same for another call, if it serves one.
    #[inline]
    fn again(self) -> Option<Self> {
        let left = self.left.checked_sub(1)?;
        Some(Self { left, ..self })
    }

    /// What follows it.
    #[inline(never)]
    fn next(self, nanos: u64) -> Self {
        let serves = match nanos.saturating_sub(self.nanos) {
            0 => 0,
            // Twice as many calls take twice as long.
            ..=HALF => (2 * self.serves + 1).min(MOST),
            ..=TOLERANCE => self.serves,
            _ => 0,
        };
        Self {
            nanos,
            millis: nanos / NANOS_PER_MILLI,
            serves,
            left: serves,
        }
    }
}

const MOST: u32 = 15;
const TOLERANCE: u64 = Duration::from_millis(1).as_nanos() as u64;
const HALF: u64 = TOLERANCE / 2;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Makes calls that are so far apart; gives how old the time was that each of them heard.
    fn ages(reading: &mut Reading, now: &mut u64, gaps: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let call = |gap| {
            *now += gap;
            *reading = reading.again().unwrap_or_else(|| reading.next(*now));
            *now - reading.nanos
        };
        gaps.into_iter().map(call).collect()
    }

    fn bursts() -> impl Strategy<Value = Vec<u64>> {
        vec(
            prop_oneof![0..200_u64, 0..100_000_u64, 0..5_000_000_u64],
            0..200,
        )
    }

    proptest! {
        #[test]
        fn whatever_was_before_one_call_in_sixteen_reads_the_clock(before in bursts(), after in bursts()) {
            let (mut reading, mut now) = (Reading::NONE, 1 << 40);
            ages(&mut reading, &mut now, before);
            // No gap is empty here: an age of nothing is a reading.
            let ages = ages(&mut reading, &mut now, after.into_iter().map(|gap| gap + 1));
            prop_assert!(ages.windows(16).all(|ages| ages.contains(&0)));
        }

        #[test]
        fn at_an_even_pace_the_time_is_no_older_than_a_millisecond(
            before in bursts(),
            pace in prop_oneof![1..1_000_u64, 1..2_000_000_u64],
        ) {
            let (mut reading, mut now) = (Reading::NONE, 1 << 40);
            ages(&mut reading, &mut now, before);
            // What was granted before is used up, and so is what the first reading grants, which still
            // looks back at before.
            ages(&mut reading, &mut now, [pace; 32]);
            let ages = ages(&mut reading, &mut now, [pace; 100]);
            prop_assert!(ages.iter().all(|age| *age <= TOLERANCE), "{ages:?}");
            let skipped = ages.iter().filter(|age| **age > 0).count();
            prop_assert_eq!(skipped == 0, pace > HALF, "{} skipped", skipped);
        }

        #[test]
        fn a_clock_that_stands_still_is_read_each_time(before in bursts()) {
            let (mut reading, mut now) = (Reading::NONE, 1 << 40);
            ages(&mut reading, &mut now, before);
            ages(&mut reading, &mut now, [0; 32]);
            for _ in 0..100 {
                ages(&mut reading, &mut now, [0]);
                prop_assert_eq!(reading.left, 0, "the next call reads it");
            }
        }
    }
}
