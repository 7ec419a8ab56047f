//! The time for whoever tolerates that it is a millisecond old: read for one call in thirty-two.

use std::{cell::Cell, time::Duration};

use super::{NANOS_PER_MILLI, millis_now, nanos_now, pausable::PAUSABLE};
use crate::common::local::thread_local;

/// The present in whole milliseconds, as a call of this thread saw it shortly before.
///
/// A reading serves further calls while calls come fast: so many that, at the pace of those before,
/// the last of them comes within a millisecond, and never more than thirty-one. A clock that stands
/// still says nothing about the pace, so it is read for each call; one that can be paused, too.
///
/// When fast calls stop and go on much later, the first thirty-one at most hear the old time. So this is
/// for where a few calls of a burst may be put down to its beginning, and for nothing else.
///
/// Call it from code that is compiled anew for each service: a look at the thread costs a library's
/// own functions more.
#[inline]
pub(crate) fn millis_coarse() -> u64 {
    if PAUSABLE {
        return millis_now();
    }
    match LEFT.get().checked_sub(1) {
        Some(left) => {
            LEFT.set(left);
            MILLIS.get()
        }
        None => read(),
    }
}

#[cold]
#[inline(never)]
fn read() -> u64 {
    let nanos = nanos_now();
    let reading = READING.get().next(nanos);
    READING.set(reading);
    LEFT.set(reading.serves);
    let millis = nanos / NANOS_PER_MILLI;
    MILLIS.set(millis);
    millis
}

// Three, since what is read and written at once costs less than a part of something.
thread_local! {
    static READING: Cell<Reading> = const { Cell::new(Reading::NONE) };
    /// How many calls the reading is still to serve.
    static LEFT: Cell<u32> = const { Cell::new(0) };
    /// What they hear.
    static MILLIS: Cell<u64> = const { Cell::new(0) };
}

/// A reading of the clock.
#[derive(Clone, Copy)]
struct Reading {
    nanos: u64,
    /// Calls it serves after the one that read it.
    serves: u32,
}

impl Reading {
    const NONE: Self = Self {
        nanos: 0,
        serves: 0,
    };

    /// The one after it.
    fn next(self, nanos: u64) -> Self {
        let passed = nanos.saturating_sub(self.nanos);
        let serves = if passed == 0 || passed > TOLERANCE {
            0
        } else if passed > TOLERANCE / 2 {
            self.serves
        } else {
            // Twice as many calls take twice as long.
            (2 * self.serves + 1).min(MOST)
        };
        Self { nanos, serves }
    }
}

const MOST: u32 = 31;
const TOLERANCE: u64 = Duration::from_millis(1).as_nanos() as u64;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A thread: its last reading, and how many calls that is still to serve.
    struct Thread {
        now: u64,
        reading: Reading,
        left: u32,
    }

    impl Thread {
        fn new() -> Self {
            Self {
                now: 1 << 40,
                reading: Reading::NONE,
                left: 0,
            }
        }

        /// Makes calls that are so far apart; gives how old the time was that each of them heard.
        fn calls(&mut self, gaps: impl IntoIterator<Item = u64>) -> Vec<u64> {
            let call = |gap| {
                self.now += gap;
                if self.left > 0 {
                    self.left -= 1;
                } else {
                    self.reading = self.reading.next(self.now);
                    self.left = self.reading.serves;
                }
                self.now - self.reading.nanos
            };
            gaps.into_iter().map(call).collect()
        }
    }

    fn bursts() -> impl Strategy<Value = Vec<u64>> {
        vec(
            prop_oneof![0..200_u64, 0..100_000_u64, 0..5_000_000_u64],
            0..200,
        )
    }

    proptest! {
        #[test]
        fn whatever_was_before_one_call_in_thirty_two_reads_the_clock(before in bursts(), after in bursts()) {
            let mut thread = Thread::new();
            thread.calls(before);
            // No gap is empty here: an age of nothing is a reading.
            let ages = thread.calls(after.into_iter().map(|gap| gap + 1));
            prop_assert!(ages.windows(32).all(|ages| ages.contains(&0)));
        }

        #[test]
        fn at_an_even_pace_the_time_is_no_older_than_a_millisecond(
            before in bursts(),
            pace in prop_oneof![1..1_000_u64, 1..2_000_000_u64],
        ) {
            let mut thread = Thread::new();
            thread.calls(before);
            // What was granted before is used up, and so is what the first reading grants, which still
            // looks back at before.
            thread.calls([pace; 64]);
            let ages = thread.calls([pace; 100]);
            prop_assert!(ages.iter().all(|age| *age <= TOLERANCE), "{ages:?}");
            let skipped = ages.iter().filter(|age| **age > 0).count();
            prop_assert_eq!(skipped == 0, pace > TOLERANCE / 2, "{} skipped", skipped);
        }

        #[test]
        fn a_clock_that_stands_still_is_read_each_time(before in bursts()) {
            let mut thread = Thread::new();
            thread.calls(before);
            thread.calls([0; 64]);
            for _ in 0..100 {
                thread.calls([0]);
                prop_assert_eq!(thread.left, 0, "the next call reads it");
            }
        }
    }
}
