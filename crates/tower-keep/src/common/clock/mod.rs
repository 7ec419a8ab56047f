//! The one place that asks what time it is, so that `tokio::time::pause` works on all of it.
//!
//! There are two ways to hear it, on one scale: [`now`] gives the instant that timers and callers
//! understand, [`nanos_now`] and [`millis_now`] give a word, for less. [`millis_coarse`] costs next to
//! nothing and may be a little old.

mod coarse;
mod millis;
mod pausable;
mod quick;
mod words;

pub(crate) use self::{
    coarse::millis_coarse,
    millis::{millis, millis_now},
    words::{from_nanos, nanos_now, to_nanos, whole_nanos},
};

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

pub(crate) use tokio::time::Instant;

/// Longer than any wait that makes sense, short enough for every timer.
pub(crate) const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const NANOS_PER_MILLI: u64 = 1_000_000;

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
