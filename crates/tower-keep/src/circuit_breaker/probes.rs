use std::time::Duration;

use super::cause::{Cause, Tally};
use crate::common::window::Outcome;

/// The half-open state: exactly so many calls are let through, and their outcomes decide.
#[derive(Debug)]
pub(super) struct Probes {
    /// The share of bad ones that opens the breaker again.
    bad_rate: f64,
    lease: Duration,
    running: Vec<Probe>,
    next_id: u32,
    tally: Tally,
}

#[derive(Debug)]
struct Probe {
    id: u32,
    expires: Duration,
    /// Whether its answer has begun, well and in time.
    answered: bool,
}

/// What the probes have decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Decision {
    Close(Cause),
    Open(Cause),
}

impl Probes {
    pub(super) fn new(probes: usize, bad_rate: f64, lease: Duration) -> Self {
        Self {
            bad_rate,
            lease,
            running: Vec::new(),
            next_id: 0,
            tally: Tally {
                of: probes,
                ..Tally::default()
            },
        }
    }

    /// Lets a probe through if another one is needed.
    pub(super) fn lease(&mut self, now: Duration) -> Option<u32> {
        if self.running.len() >= self.wanted() {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.running.push(Probe {
            id,
            expires: now + self.lease,
            answered: false,
        });
        Some(id)
    }

    /// The head of a probe's answer is good.
    pub(super) fn answered(&mut self, id: u32) {
        if let Some(probe) = self.running.iter_mut().find(|probe| probe.id == id) {
            probe.answered = true;
        }
    }

    /// A probe said nothing: another may take its place.
    pub(super) fn ignored(&mut self, id: u32) {
        self.running.retain(|probe| probe.id != id);
    }

    /// A probe is over. One whose lease was up has been counted already.
    pub(super) fn ended(
        &mut self,
        id: u32,
        outcome: Outcome,
        slow_is_bad: bool,
    ) -> Option<Decision> {
        let place = self.running.iter().position(|probe| probe.id == id)?;
        self.running.swap_remove(place);
        if outcome.bad {
            self.tally.failed += 1;
        } else if outcome.slow && slow_is_bad {
            self.tally.slow += 1;
        } else {
            self.tally.good += 1;
        }
        self.decision()
    }

    /// Counts the probes whose lease is up.
    pub(super) fn expire(&mut self, now: Duration) -> Option<Decision> {
        let tally = &mut self.tally;
        self.running.retain(|probe| {
            let expired = now >= probe.expires;
            if expired && probe.answered {
                tally.good += 1;
            } else if expired {
                tally.hung += 1;
            }
            !expired
        });
        self.decision()
    }

    /// When a call that finds no place should come back: no later than the first lease is up.
    pub(super) fn retry_after(&self, now: Duration) -> Option<Duration> {
        let first = self.running.iter().map(|probe| probe.expires).min()?;
        Some(first.saturating_sub(now))
    }

    pub(super) fn running(&self, now: Duration) -> usize {
        self.running
            .iter()
            .filter(|probe| now < probe.expires)
            .count()
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// How many outcomes are still to come.
    fn wanted(&self) -> usize {
        self.tally
            .of
            .saturating_sub(self.tally.good + self.tally.bad())
    }

    /// As early as the outcome is certain.
    fn decision(&self) -> Option<Decision> {
        let reached = |bad: usize| bad as f64 / self.tally.of as f64 >= self.bad_rate;
        let bad = self.tally.bad();
        if bad > 0 && reached(bad) {
            Some(Decision::Open(Cause::ProbesFailed(self.tally)))
        } else if !reached(bad + self.wanted()) || self.wanted() == 0 {
            Some(Decision::Close(Cause::ProbesSucceeded(self.tally)))
        } else {
            None
        }
    }
}
