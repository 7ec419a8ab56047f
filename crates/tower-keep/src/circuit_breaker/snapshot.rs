use std::time::Duration;

use serde::Serialize;

use super::{
    core::Core,
    mode::{Mode, State},
};
use crate::observe::{Condition, Vitals};

/// A breaker at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CircuitBreakerSnapshot {
    /// The name given to it, empty if none was given.
    pub name: String,
    /// The state that a call would find. An open time that is over ends with the next call; this
    /// says `half_open` already.
    pub state: State,
    /// Who decides.
    pub mode: Mode,
    /// Why it came into the last state that it told of.
    pub reason: String,
    /// How long ago that was.
    #[serde(with = "humantime_serde")]
    pub since: Duration,
    /// How long it will stay open.
    #[serde(with = "humantime_serde")]
    pub open_for: Option<Duration>,
    /// The share of calls that is let through, from 0 to 1, leaving probes aside: grows from a tenth
    /// to all of them during the ramp.
    pub admitted_share: f64,
    /// Calls in the window. Only a closed breaker counts.
    pub calls: u64,
    /// Of these, the ones that failed.
    pub failures: u64,
    /// Of these, the ones that were slow.
    pub slow_calls: u64,
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// The probes, while it is half-open.
    pub probes: Option<ProbesSnapshot>,
}

/// The probes of a half-open breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProbesSnapshot {
    /// Running, with time left.
    pub running: usize,
    /// Over, and good.
    pub good: usize,
    /// Over, and failed, slow or hung.
    pub bad: usize,
    /// How many decide.
    pub of: usize,
}

impl CircuitBreakerSnapshot {
    pub(super) fn of(core: &Core) -> Self {
        let name = core.emitter.name().as_str().to_owned();
        core.look(|machine, now| {
            let (counts, in_a_row) = core.counts(machine.gate().generation);
            Self {
                name,
                state: machine.state_at(now),
                mode: machine.mode(),
                reason: machine.cause().to_string(),
                since: now.saturating_sub(machine.since()),
                open_for: machine.open_for(now),
                admitted_share: machine.admitted_share(now),
                calls: counts.total,
                failures: counts.bad,
                slow_calls: counts.slow,
                consecutive_failures: in_a_row,
                probes: machine.probes().map(|probes| ProbesSnapshot {
                    running: probes.running(now),
                    good: probes.tally().good,
                    bad: probes.tally().bad(),
                    of: probes.tally().of,
                }),
            }
        })
    }

    pub(super) fn vitals(&self, core: &Core) -> Vitals {
        let condition = match self.state {
            _ if self.mode == Mode::ObserveOnly => Condition::Normal,
            State::Closed if self.admitted_share < 1.0 => Condition::Strained,
            State::Closed => Condition::Normal,
            State::HalfOpen => Condition::Strained,
            State::Open => Condition::Refusing,
        };
        Vitals::new(&core.emitter, condition, self.summary())
    }

    /// One line for a person.
    fn summary(&self) -> String {
        let since =
            Duration::from_millis(u64::try_from(self.since.as_millis()).unwrap_or(u64::MAX));
        let state = match self.state {
            State::Closed if self.admitted_share < 1.0 => {
                format!(
                    "closed, letting {:.0} % through",
                    self.admitted_share * 100.0
                )
            }
            State::Closed => format!("closed, {} of {} calls failed", self.failures, self.calls),
            State::HalfOpen => "half-open, trying a few calls".to_owned(),
            State::Open => format!("open since {since:?}, {}", self.reason),
        };
        match self.mode {
            Mode::Auto => state,
            Mode::ObserveOnly => format!("observing only; would be {state}"),
            Mode::Disabled => "disabled".to_owned(),
            Mode::ForcedClosed => format!("forced closed; {state}"),
            Mode::ForcedOpen => format!("forced open since {since:?}"),
        }
    }
}
