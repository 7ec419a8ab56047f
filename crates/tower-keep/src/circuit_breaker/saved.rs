use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    CircuitBreakerHandle,
    cause::Cause,
    config::{CircuitBreakerConfig, Window},
    mode::{Mode, State},
    state::{Inside, Machine},
};
use crate::{common::window::Counts, config::SteerError};

/// What a breaker knows and should know again after a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    mode: Mode,
    state: State,
    /// How long it would have stayed open.
    #[serde(with = "humantime_serde")]
    open_for: Option<Duration>,
    /// Openings since it last recovered: how long it will be open next.
    openings: u32,
    calls: u64,
    failures: u64,
    slow_calls: u64,
    consecutive_failures: u32,
}

/// What is left of it after some time.
#[derive(Debug, PartialEq)]
pub(super) struct Remains {
    pub(super) mode: Mode,
    /// Open for so long; zero asks the service at once.
    pub(super) open_for: Option<Duration>,
    pub(super) openings: u32,
    pub(super) counts: Counts,
    pub(super) in_a_row: u32,
}

impl Saved {
    pub(super) fn of(handle: &CircuitBreakerHandle) -> Self {
        let now = handle.snapshot();
        let (mode, openings) = handle
            .front
            .core
            .look(|machine, _| (machine.asked, machine.openings));
        Self {
            mode,
            state: now.state,
            open_for: now.open_for,
            openings,
            calls: now.calls,
            failures: now.failures,
            slow_calls: now.slow_calls,
            consecutive_failures: now.consecutive_failures,
        }
    }

    pub(super) fn restore(
        self,
        handle: &CircuitBreakerHandle,
        age: Duration,
    ) -> Result<(), SteerError> {
        let remains = self.after(age, &handle.config());
        if handle.front.core.restore(&remains) {
            Ok(())
        } else {
            Err(SteerError::new("", "is in use already"))
        }
    }

    /// What is left of it, so much later.
    pub(super) fn after(&self, age: Duration, config: &CircuitBreakerConfig) -> Remains {
        let left = self.open_for.unwrap_or_default().saturating_sub(age);
        let over = age.saturating_sub(self.open_for.unwrap_or_default());
        // Once it could have been open, tried and opened again, nothing is known any more.
        let is_recent = over < config.max_open_for;
        let was_open = self.state != State::Closed && self.mode != Mode::ForcedOpen;
        let open_for = (was_open && is_recent).then(|| left.min(config.max_open_for));
        let share = 1.0 - age.as_secs_f64() / horizon(config.window).as_secs_f64();
        let share = if open_for.is_none() {
            share.max(0.0)
        } else {
            0.0
        };
        Remains {
            mode: self.mode,
            open_for,
            openings: if is_recent { self.openings } else { 0 },
            counts: scaled(self, share),
            in_a_row: (f64::from(self.consecutive_failures.min(MOST_IN_A_ROW)) * share) as u32,
        }
    }
}

impl Machine {
    /// Goes on where it was before a restart.
    pub(super) fn restore(&mut self, remains: &Remains, now: Duration) {
        self.set_mode(remains.mode, now);
        self.openings = remains.openings;
        if let Some(left) = remains.open_for {
            let until = now + left;
            self.enter(
                Inside::Open { until },
                Cause::Forced("it was before the restart"),
                now,
            );
        }
    }

    /// Whether it is as it was made: closed, by itself, with no opening to remember.
    pub(super) fn is_fresh(&self) -> bool {
        let closed = matches!(self.inside, Inside::Closed);
        closed && self.asked == Mode::Auto && self.openings == 0
    }
}

/// How long a window remembers.
fn horizon(window: Window) -> Duration {
    match window {
        Window::Time(time) => time,
        Window::Count(_) => COUNTS_LAST,
    }
}

/// The counts that are left: the rates stay.
fn scaled(saved: &Saved, share: f64) -> Counts {
    let share = share.min(MOST_CALLS / saved.calls.max(1) as f64);
    let total = (saved.calls as f64 * share) as u64;
    let part = |part: u64| ((part as f64 * share) as u64).min(total);
    Counts {
        total,
        bad: part(saved.failures),
        slow: part(saved.slow_calls),
    }
}

/// A window of calls has no clock: what it holds is taken to mean less and less for this long.
const COUNTS_LAST: Duration = Duration::from_secs(600);
/// More than this says no more about a rate.
const MOST_CALLS: f64 = 10_000.0;
const MOST_IN_A_ROW: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Saved {
        Saved {
            mode: Mode::Auto,
            state: State::Closed,
            open_for: None,
            openings: 0,
            calls: 100,
            failures: 40,
            slow_calls: 10,
            consecutive_failures: 4,
        }
    }

    fn counts(total: u64, bad: u64, slow: u64) -> Counts {
        Counts { total, bad, slow }
    }

    #[test]
    fn what_a_window_held_fades_with_its_age() {
        let config = CircuitBreakerConfig::default();
        for (seconds, expected, in_a_row) in [
            (0, counts(100, 40, 10), 4),
            (5, counts(50, 20, 5), 2),
            (10, counts(0, 0, 0), 0),
            (1000, counts(0, 0, 0), 0),
        ] {
            let remains = saved().after(Duration::from_secs(seconds), &config);
            assert_eq!(remains.counts, expected, "after {seconds} s");
            assert_eq!((remains.in_a_row, remains.open_for), (in_a_row, None));
        }
        let busy = Saved {
            calls: 1_000_000,
            failures: 500_000,
            ..saved()
        };
        let remains = busy.after(Duration::ZERO, &config);
        assert_eq!(remains.counts, counts(10_000, 5_000, 0));
    }

    #[test]
    fn an_open_breaker_is_open_for_what_is_left() {
        let config = CircuitBreakerConfig::default();
        let open = Saved {
            state: State::Open,
            open_for: Some(Duration::from_secs(20)),
            openings: 3,
            ..saved()
        };
        // Seconds, open for how many more, openings remembered.
        for (seconds, open_for, openings) in [
            (0, Some(20), 3),
            (15, Some(5), 3),
            (20, Some(0), 3),
            (49, Some(0), 3),
            (50, None, 0),
        ] {
            let remains = open.after(Duration::from_secs(seconds), &config);
            let left = remains.open_for.map(|left| left.as_secs());
            assert_eq!(
                (left, remains.openings),
                (open_for, openings),
                "after {seconds} s"
            );
        }
        let forged = Saved {
            open_for: Some(Duration::from_secs(999_999)),
            ..open
        };
        let most = forged.after(Duration::ZERO, &config).open_for;
        assert_eq!(most, Some(config.max_open_for));
    }
}
