use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{
    LAYER,
    config::CircuitBreakerConfig,
    gate::{AtomicGate, Gate, Rule, share},
    meter::Meter,
    mode::{Mode, State},
    saved::Remains,
    state::{Admission, BRIEFLY, Change, Machine, Moment},
};
use crate::{
    classify::{Class, Verdict},
    common::{
        clock::{self, Instant},
        stripe::Stripes,
        sync::{self, Mutex, MutexGuard},
        window::{Counts, Outcome, Ring},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
};

/// What the layer, its services, its handles and its calls share.
///
/// Calls that are let through while it is closed, and calls that are turned away while it is open,
/// read the gate and take no lock. The lock around the state machine is for what is rare: changes of
/// state, probes, people. It is never held while an event is told.
pub(super) struct Core {
    pub(super) gate: AtomicGate,
    pub(super) meter: Meter,
    machine: Mutex<Machine>,
    /// For those who wait until it is not open any more.
    pub(super) changed: Arc<Notify>,
    pub(super) emitter: Emitter,
    born: Instant,
    /// The same as [`clock::millis_now`] gave it.
    born_millis: u64,
}

/// What a permit remembers of its admission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) generation: u64,
    pub(super) probe: Option<u32>,
}

impl Core {
    pub(super) fn new(config: CircuitBreakerConfig) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let calls = Stripes::new(|_| Ring::new());
        Ok(Self::unchecked(config, Emitter::new(LAYER), calls))
    }

    fn unchecked(
        config: CircuitBreakerConfig,
        emitter: Emitter,
        calls: Stripes<Ring>,
    ) -> Arc<Self> {
        let meter = Meter::new(&config, calls);
        let machine = Machine::new(config);
        let born = clock::now();
        Arc::new(Self {
            gate: AtomicGate::new(machine.gate()),
            meter,
            machine: Mutex::new(machine),
            changed: Arc::default(),
            emitter,
            born,
            born_millis: clock::millis_now(),
        })
    }

    /// A fresh one for a key. What a person has decided holds for it too.
    pub(super) fn fork(&self, key: &str, config: CircuitBreakerConfig) -> Arc<Self> {
        let mode = self.look(|machine, _| machine.asked);
        // One of many: its calls need no room for each core.
        let calls = Stripes::single(|_| Ring::new());
        let fork = Self::unchecked(config, self.emitter.for_key(key), calls);
        fork.change_quietly(|machine| machine.set_mode(mode, Duration::ZERO));
        fork
    }

    /// Whether it decides as a fresh one would. Calls that went well are no reason to keep it.
    pub(super) fn is_fresh(&self) -> bool {
        self.look(|machine, _| {
            let (counts, in_a_row) = self.counts(machine.gate().generation);
            machine.is_fresh() && counts.bad == 0 && counts.slow == 0 && in_a_row == 0
        })
    }

    /// Takes over what was saved before a restart; false if it is in use already.
    pub(super) fn restore(&self, remains: &Remains) -> bool {
        if !self.is_fresh() {
            return false;
        }
        let now = self.now();
        let generation = self.change(|machine| {
            machine.restore(remains, now);
            machine.gate().generation
        });
        let Remains {
            counts, in_a_row, ..
        } = remains;
        self.meter
            .restore(clock::millis_now(), generation, *counts, *in_a_row);
        true
    }

    /// Whether nobody has steered it by hand.
    pub(super) fn is_automatic(&self) -> bool {
        self.look(|machine, _| machine.asked == Mode::Auto)
    }

    /// Whether every call is let through and counted.
    #[inline]
    pub(super) fn is_wide_open(&self) -> bool {
        self.gate.wide_open().is_some()
    }

    /// What the gate alone tells; `None` if the state machine has to be asked.
    pub(super) fn admission(&self, gate: Gate) -> Option<Admission> {
        let generation = gate.generation;
        match gate.rule {
            Rule::All | Rule::AllCounted => Some(Admission::Counted { generation }),
            Rule::AllUncounted => Some(Admission::Uncounted),
            Rule::None => Some(Admission::Refused { retry_after: None }),
            Rule::Ask => None,
            Rule::NoneUntil | Rule::Ramp => {
                // Exact to a millisecond. The last one is the state machine's, which is exact.
                let now = Duration::from_millis(self.millis());
                let left = self.gate.until().checked_sub(now)?;
                if left < Duration::from_millis(1) {
                    None
                } else if gate.rule == Rule::NoneUntil {
                    Some(Admission::Refused {
                        retry_after: Some(left),
                    })
                } else if fastrand::f64() < share(left, self.gate.ramp()) {
                    Some(Admission::Counted { generation })
                } else {
                    Some(Admission::Refused {
                        retry_after: Some(left.min(BRIEFLY)),
                    })
                }
            }
        }
    }

    /// From how long on a call is slow.
    #[inline]
    pub(super) fn slow_call(&self) -> Option<Duration> {
        self.meter.slow_call()
    }

    /// Tells who wants to know that a call is over.
    pub(super) fn tell_finished(&self, class: Class, elapsed: Duration) {
        self.emitter
            .emit(EventKind::CallFinished { class, elapsed });
    }

    /// A call is over that was no probe, was good and was not slow.
    #[inline]
    pub(super) fn finish_good(&self, calls: &Ring, generation: u64, millis: u64) {
        if self.gate.generation() == generation {
            self.meter.record_good(calls, millis, generation);
        }
    }

    /// The head of a probe's answer is good, its body goes on.
    pub(super) fn probe_answered(&self, ticket: &Ticket) {
        if let Some(id) = ticket.probe {
            self.lock().probe_answered(ticket.generation, id);
        }
    }

    /// A call is over.
    pub(super) fn finish(&self, calls: &Ring, ticket: &Ticket, verdict: Verdict, slow: bool) {
        let gate = self.gate.load();
        if gate.generation != ticket.generation {
            return;
        }
        let outcome = (verdict.class != Class::Ignored).then_some(Outcome {
            bad: verdict.is_bad(),
            slow,
        });
        let generation = ticket.generation;
        if let Some(id) = ticket.probe {
            let at = self.moment();
            self.change(|machine| {
                machine.probe_ended(generation, id, outcome, verdict.retry_after, at);
            });
            // Its place may be free, in the same state.
            self.changed.notify_waiters();
        } else if let Some(outcome) = outcome
            && let Some(cause) = self
                .meter
                .record(calls, clock::millis_now(), generation, outcome)
            && gate.rule != Rule::AllCounted
        {
            let at = self.moment();
            self.change(|machine| machine.trip(generation, cause, verdict.retry_after, at));
        }
    }

    /// Steers it by hand.
    pub(super) fn set_mode(&self, mode: Mode) {
        let now = self.now();
        self.change(|machine| machine.set_mode(mode, now));
    }

    /// Closes it and forgets what it has seen.
    pub(super) fn reset(&self) {
        let now = self.now();
        self.change(|machine| machine.reset(now));
    }

    pub(super) fn update(&self, config: CircuitBreakerConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.look(|machine, _| machine.config().clone());
        let new = config.clone();
        self.configure(config);
        self.emitter.updated(&old, &new);
        Ok(())
    }

    /// Takes over a checked configuration.
    pub(super) fn configure(&self, config: CircuitBreakerConfig) {
        let now = self.now();
        self.change(|machine| {
            self.meter.update(&config);
            machine.update(config, now);
        });
    }

    /// Looks at everything at one moment.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Machine, Duration) -> R) -> R {
        let now = self.now();
        look(&self.lock(), now)
    }

    /// What the closed breaker has counted in a generation: all of its window, and in a row.
    pub(super) fn counts(&self, generation: u64) -> (Counts, u32) {
        let (counts, _) = self.meter.counts(clock::millis_now(), generation);
        (counts, self.meter.in_a_row(generation))
    }

    /// Works on the state machine, opens the gate accordingly, and tells what happened.
    pub(super) fn change<R>(&self, work: impl FnOnce(&mut Machine) -> R) -> R {
        let (result, changes) = self.change_quietly(work);
        for change in changes {
            self.emitter.emit(EventKind::StateChanged {
                from: change.from.as_str(),
                to: change.to.as_str(),
                level: change.to.level(),
                alarming: change.to == State::Open,
                reason: change.cause.to_string(),
            });
        }
        result
    }

    fn change_quietly<R>(&self, work: impl FnOnce(&mut Machine) -> R) -> (R, Vec<Change>) {
        let (result, changes, moved) = {
            let mut machine = self.lock();
            let before = machine.gate();
            let result = work(&mut machine);
            let gate = machine.gate();
            if gate.generation != before.generation {
                self.meter.clear();
            }
            self.gate
                .store(gate, machine.until(), machine.config().ramp);
            (result, machine.take_changes(), gate != before)
        };
        if moved {
            self.changed.notify_waiters();
        }
        (result, changes)
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        sync::lock(&self.machine)
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            now: self.now(),
            chance: fastrand::f64(),
        }
    }

    /// The time since it was made.
    fn now(&self) -> Duration {
        clock::now().saturating_duration_since(self.born)
    }

    /// The same in whole milliseconds, for less.
    fn millis(&self) -> u64 {
        clock::millis_now().saturating_sub(self.born_millis)
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.lock();
        f.debug_struct("Core")
            .field("name", &self.emitter.name())
            .field("state", &machine.state_at(self.now()))
            .field("mode", &machine.mode())
            .finish_non_exhaustive()
    }
}
