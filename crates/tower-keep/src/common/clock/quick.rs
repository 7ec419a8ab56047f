//! The time for a third of the price: the processor's cycle counter, set by the clock now and then.
//!
//! The counter alone would drift away from the clock that timers follow, and some jump: when a laptop
//! wakes up, when a virtual machine moves. So each thread sets it by the real clock ten times a second,
//! and from one [`Setting`] to the next only counts on. Both then show the same, but for
//! some nanoseconds, whatever the counter does; where there is none, quanta reads the clock instead.

use std::{cell::Cell, sync::LazyLock, time::Duration};

use quanta::Clock;

use super::{now, to_nanos, whole_nanos};
use crate::common::local::thread_local;

/// The present as [`to_nanos`] gives it, almost: some nanoseconds off, twenty microseconds at the
/// worst, and as much between two threads. May step back by as much.
#[inline]
pub(super) fn nanos() -> u64 {
    let setting = SETTING.get();
    setting.read().unwrap_or_else(set)
}

/// What the clock showed when the counter showed something.
#[derive(Clone, Copy)]
struct Setting {
    /// None before the first.
    counter: Option<&'static Clock>,
    ticks: u64,
    nanos: u64,
    /// What a tick is, times [`ONE`].
    nanos_per_tick: u64,
    /// How many ticks it is good for.
    lasts: u64,
}

impl Setting {
    const NONE: Self = Self {
        counter: None,
        ticks: 0,
        nanos: 0,
        nanos_per_tick: 0,
        lasts: 0,
    };

    #[inline]
    fn read(&self) -> Option<u64> {
        self.at(self.counter?.raw())
    }

    /// The time when the counter shows this, unless that is too far off, in either direction.
    #[inline]
    fn at(&self, ticks: u64) -> Option<u64> {
        let passed = ticks.wrapping_sub(self.ticks);
        // Never more than a word: a tenth of a second has 30 bits of nanoseconds, `ONE` has 24.
        (passed < self.lasts).then(|| self.nanos + ((passed * self.nanos_per_tick) >> SHIFT))
    }
}

thread_local! {
    static SETTING: Cell<Setting> = const { Cell::new(Setting::NONE) };
}

/// Reads the clock, and sets the counter by it.
#[cold]
fn set() -> u64 {
    // Finding out how fast it counts takes half a millisecond, once, when the first layer is made.
    static COUNTER: LazyLock<Clock> = LazyLock::new(Clock::new);
    let counter = &*COUNTER;
    let before = counter.raw();
    let nanos = to_nanos(now());
    let after = counter.raw();
    // Whoever is interrupted between the two has not read them at the same moment; the next will.
    let interrupted = counter.delta_as_nanos(before, after) > AT_ONCE;
    SETTING.set(if interrupted {
        Setting::NONE
    } else {
        setting(counter, before, nanos)
    });
    nanos
}

fn setting(counter: &'static Clock, ticks: u64, nanos: u64) -> Setting {
    let nanos_per_tick = counter.delta_as_nanos(0, ONE).max(1);
    Setting {
        counter: Some(counter),
        ticks,
        nanos,
        nanos_per_tick,
        lasts: whole_nanos(LASTS) * ONE / nanos_per_tick,
    }
}

const SHIFT: u32 = 24;
const ONE: u64 = 1 << SHIFT;
const LASTS: Duration = Duration::from_millis(100);
/// Reading the counter twice and the clock in between takes a hundred nanoseconds; ten microseconds
/// under a profiler.
const AT_ONCE: u64 = 20_000;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static COUNTER: LazyLock<Clock> = LazyLock::new(Clock::new);

    /// In real time: it is the one clock that nobody can pause.
    #[test]
    fn the_counter_shows_what_the_clock_shows() {
        for _ in 0..10_000 {
            let earliest = to_nanos(now());
            let nanos = nanos();
            let latest = to_nanos(now());
            let late = earliest.saturating_sub(nanos);
            let early = nanos.saturating_sub(latest);
            assert!(late.max(early) <= 2 * AT_ONCE, "{late} late, {early} early");
        }
    }

    #[test]
    fn a_setting_lasts_a_tenth_of_a_second() {
        let setting = setting(&COUNTER, 1_000, 5_000_000_000);
        assert_eq!(setting.at(1_000), Some(5_000_000_000));
        let last = setting.at(999 + setting.lasts).expect("still good");
        let passed = last - 5_000_000_000;
        assert!((99_999_900..=100_000_000).contains(&passed), "{passed}");
        assert_eq!(setting.at(1_000 + setting.lasts), None, "too old");
        assert_eq!(setting.at(999), None, "the counter went back");
        assert_eq!(setting.at(u64::MAX), None, "the counter jumped");
        assert_eq!(Setting::NONE.read(), None);
    }
}
