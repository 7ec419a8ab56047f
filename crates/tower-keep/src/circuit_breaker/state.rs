use std::time::Duration;

use super::{
    cause::Cause,
    config::CircuitBreakerConfig,
    gate::{Gate, Rule, share},
    mode::{Mode, State},
    probes::{Decision, Probes},
};
use crate::{
    backoff::{Backoff, Jitter},
    common::window::Outcome,
};

/// The state machine: what it is told, and when, is all it knows. Times are since the breaker was
/// made; `chance` is a random number from 0 to 1.
///
/// Every change of state begins a generation. Whatever belongs to a call carries the generation that
/// the call was admitted in, and is without effect in another.
#[derive(Debug)]
pub(super) struct Machine {
    config: CircuitBreakerConfig,
    /// What a person asked for.
    pub(super) asked: Mode,
    /// What follows from that and from the configuration.
    mode: Mode,
    pub(super) inside: Inside,
    generation: u64,
    /// Openings since the last recovery that lasted.
    pub(super) openings: u32,
    since: Duration,
    cause: Cause,
    changes: Vec<Change>,
}

#[derive(Debug)]
pub(super) enum Inside {
    Closed,
    Ramp { until: Duration },
    Open { until: Duration },
    HalfOpen(Probes),
}

/// A change of state, to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) from: State,
    pub(super) to: State,
    pub(super) cause: Cause,
}

/// What to do with one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Admission {
    /// Let it through and count it.
    Counted { generation: u64 },
    /// Let it through.
    Uncounted,
    /// Let it through to find out.
    Probe { generation: u64, id: u32 },
    /// Turn it away, and say when to come back.
    Refused { retry_after: Option<Duration> },
}

/// A moment, and a random number for whatever is left to chance in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Duration,
    pub(super) chance: f64,
}

impl Machine {
    pub(super) fn new(config: CircuitBreakerConfig) -> Self {
        Self {
            asked: Mode::Auto,
            mode: config.mode(Mode::Auto),
            config,
            inside: Inside::Closed,
            generation: 0,
            openings: 0,
            since: Duration::ZERO,
            cause: Cause::Made,
            changes: Vec::new(),
        }
    }

    /// Decides about a call.
    pub(super) fn admit(&mut self, at: Moment) -> Admission {
        self.advance(at);
        if let (Inside::Open { until }, true) = (&self.inside, self.acts())
            && at.now >= *until
        {
            self.probe(at.now);
        }
        let generation = self.generation;
        match self.gate().rule {
            Rule::All | Rule::AllCounted => Admission::Counted { generation },
            Rule::AllUncounted => Admission::Uncounted,
            Rule::Ramp if at.chance < self.admitted_share(at.now) => {
                Admission::Counted { generation }
            }
            Rule::Ramp => refused(self.until().saturating_sub(at.now).min(BRIEFLY)),
            Rule::NoneUntil => refused(self.until().saturating_sub(at.now)),
            Rule::None => Admission::Refused { retry_after: None },
            Rule::Ask => self.admit_probe(at.now),
        }
    }

    fn admit_probe(&mut self, now: Duration) -> Admission {
        let generation = self.generation;
        let Some(probes) = self.probes_of(generation) else {
            return refused(BRIEFLY);
        };
        match probes.lease(now) {
            Some(id) => Admission::Probe { generation, id },
            None => refused(probes.retry_after(now).unwrap_or(BRIEFLY).min(BRIEFLY)),
        }
    }

    /// The closed breaker has seen enough.
    pub(super) fn trip(
        &mut self,
        generation: u64,
        cause: Cause,
        retry_after: Option<Duration>,
        at: Moment,
    ) {
        let closed = matches!(self.inside, Inside::Closed | Inside::Ramp { .. });
        if closed && self.acts() && generation == self.generation {
            self.advance(at);
            self.open(cause, retry_after, at);
        }
    }

    /// The head of a probe's answer is good.
    pub(super) fn probe_answered(&mut self, generation: u64, id: u32) {
        if let Some(probes) = self.probes_of(generation) {
            probes.answered(id);
        }
    }

    /// A probe is over; `None` if it said nothing.
    pub(super) fn probe_ended(
        &mut self,
        generation: u64,
        id: u32,
        outcome: Option<Outcome>,
        retry_after: Option<Duration>,
        at: Moment,
    ) {
        let slow_is_bad = self.config.slow_rate.is_some();
        let Some(probes) = self.probes_of(generation) else {
            return;
        };
        let Some(outcome) = outcome else {
            return probes.ignored(id);
        };
        let decision = probes.ended(id, outcome, slow_is_bad);
        self.decide(decision, retry_after, at);
    }

    /// Steers it by hand. A breaker that is forced open or disabled starts afresh afterwards.
    pub(super) fn set_mode(&mut self, asked: Mode, now: Duration) {
        self.asked = asked;
        self.follow(now);
    }

    fn follow(&mut self, now: Duration) {
        let mode = self.config.mode(self.asked);
        if mode == self.mode {
            return;
        }
        let from = self.state();
        let was = std::mem::replace(&mut self.mode, mode);
        let continues = match (was, mode) {
            // It goes on where it was.
            (Mode::Auto | Mode::ObserveOnly, Mode::Auto | Mode::ObserveOnly) => true,
            // It never stops counting.
            (Mode::Auto | Mode::ObserveOnly, Mode::ForcedClosed) => {
                matches!(self.inside, Inside::Closed)
            }
            (Mode::ForcedClosed, Mode::Auto | Mode::ObserveOnly) => true,
            _ => false,
        };
        if !continues {
            self.inside = Inside::Closed;
            self.openings = 0;
            self.generation += 1;
        }
        let cause = Cause::Forced(match mode {
            Mode::Auto => "automatic again",
            Mode::Disabled => "disabled",
            Mode::ForcedClosed => "forced closed",
            Mode::ForcedOpen => "forced open",
            Mode::ObserveOnly => "observing only",
        });
        self.changed(from, cause, now);
    }

    /// Closes it and forgets everything but the configuration and the mode.
    pub(super) fn reset(&mut self, now: Duration) {
        self.openings = 0;
        self.enter(Inside::Closed, Cause::Forced("reset"), now);
    }

    /// Takes a new configuration. The state stays, and so do the time that it is open for and the
    /// number of probes that it waits for.
    pub(super) fn update(&mut self, config: CircuitBreakerConfig, now: Duration) {
        self.config = config;
        self.follow(now);
    }

    /// Whatever time alone brings about: the end of the ramp, leases that are up.
    fn advance(&mut self, at: Moment) {
        match &mut self.inside {
            Inside::Ramp { until } if at.now >= *until => {
                // The same generation: the windows go on.
                self.inside = Inside::Closed;
                self.openings = 0;
            }
            Inside::HalfOpen(probes) => {
                let decision = probes.expire(at.now);
                self.decide(decision, None, at);
            }
            Inside::Closed | Inside::Ramp { .. } | Inside::Open { .. } => {}
        }
    }

    fn decide(&mut self, decision: Option<Decision>, retry_after: Option<Duration>, at: Moment) {
        match decision {
            Some(Decision::Open(cause)) => self.open(cause, retry_after, at),
            Some(Decision::Close(cause)) => self.close(cause, at.now),
            None => {}
        }
    }

    fn open(&mut self, cause: Cause, retry_after: Option<Duration>, at: Moment) {
        self.openings = self.openings.saturating_add(1);
        let max = self.config.max_open_for;
        let backoff = Backoff {
            base: self.config.open_for,
            factor: 2.0,
            max,
            jitter: Jitter::Equal,
        };
        let asked = retry_after.unwrap_or_default().min(max);
        let until = at.now + backoff.delay(self.openings, at.chance).max(asked);
        self.enter(Inside::Open { until }, cause, at.now);
    }

    fn probe(&mut self, now: Duration) {
        let config = &self.config;
        let probes = Probes::new(config.probes, config.probe_rate(), config.probe_lease);
        let cause = Cause::Waited(now.saturating_sub(self.since));
        self.enter(Inside::HalfOpen(probes), cause, now);
    }

    fn close(&mut self, cause: Cause, now: Duration) {
        let inside = if self.config.ramp.is_zero() {
            self.openings = 0;
            Inside::Closed
        } else {
            Inside::Ramp {
                until: now + self.config.ramp,
            }
        };
        self.enter(inside, cause, now);
    }

    pub(super) fn enter(&mut self, inside: Inside, cause: Cause, now: Duration) {
        let from = self.state();
        self.inside = inside;
        self.generation += 1;
        self.changed(from, cause, now);
    }

    fn changed(&mut self, from: State, cause: Cause, now: Duration) {
        let to = self.state();
        if from != to {
            self.since = now;
            self.cause = cause;
            self.changes.push(Change { from, to, cause });
        }
    }

    fn probes_of(&mut self, generation: u64) -> Option<&mut Probes> {
        match &mut self.inside {
            Inside::HalfOpen(probes) if generation == self.generation => Some(probes),
            _ => None,
        }
    }

    /// Whether it decides by itself.
    fn acts(&self) -> bool {
        matches!(self.mode, Mode::Auto | Mode::ObserveOnly)
    }
}

impl Machine {
    /// What calls can be told without asking further.
    pub(super) fn gate(&self) -> Gate {
        let rule = match (self.mode, &self.inside) {
            (Mode::Disabled, _) => Rule::AllUncounted,
            (Mode::ForcedOpen, _) => Rule::None,
            (Mode::ForcedClosed, _) => Rule::AllCounted,
            (_, Inside::Closed) => Rule::All,
            (_, Inside::Ramp { .. }) => Rule::Ramp,
            (_, Inside::Open { .. }) => Rule::NoneUntil,
            (_, Inside::HalfOpen(_)) => Rule::Ask,
        };
        Gate {
            rule,
            generation: self.generation,
            enforce: self.config.enforced(self.mode),
        }
    }

    /// When the ramp or the open time ends.
    pub(super) fn until(&self) -> Duration {
        match self.inside {
            Inside::Ramp { until } | Inside::Open { until } => until,
            Inside::Closed | Inside::HalfOpen(_) => Duration::ZERO,
        }
    }

    /// The state it is in, whatever the next call will make of it.
    fn state(&self) -> State {
        match (self.mode, &self.inside) {
            (Mode::ForcedOpen, _) => State::Open,
            (Mode::ForcedClosed | Mode::Disabled, _) => State::Closed,
            (_, Inside::Closed | Inside::Ramp { .. }) => State::Closed,
            (_, Inside::Open { .. }) => State::Open,
            (_, Inside::HalfOpen(_)) => State::HalfOpen,
        }
    }

    /// The state that a call would find now: an open time that is over ends with the next call.
    pub(super) fn state_at(&self, now: Duration) -> State {
        match self.inside {
            Inside::Open { until } if self.acts() && now >= until => State::HalfOpen,
            _ => self.state(),
        }
    }

    /// How much of the open time is left.
    pub(super) fn open_for(&self, now: Duration) -> Option<Duration> {
        match self.inside {
            Inside::Open { until } if self.acts() && now < until => Some(until - now),
            _ => None,
        }
    }

    /// The share of calls that is let through, leaving probes aside.
    pub(super) fn admitted_share(&self, now: Duration) -> f64 {
        match (self.state(), &self.inside) {
            (State::Closed, Inside::Ramp { until }) => {
                share(until.saturating_sub(now), self.config.ramp)
            }
            (State::Closed, _) => 1.0,
            (State::HalfOpen | State::Open, _) => 0.0,
        }
    }

    pub(super) fn probes(&self) -> Option<&Probes> {
        match &self.inside {
            Inside::HalfOpen(probes) => Some(probes),
            _ => None,
        }
    }

    pub(super) fn config(&self) -> &CircuitBreakerConfig {
        &self.config
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn since(&self) -> Duration {
        self.since
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    /// What happened since the last time that this was asked.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }
}

fn refused(retry_after: Duration) -> Admission {
    Admission::Refused {
        retry_after: Some(retry_after),
    }
}

/// When to come back to a breaker that is about to decide: soon.
pub(super) const BRIEFLY: Duration = Duration::from_secs(1);
