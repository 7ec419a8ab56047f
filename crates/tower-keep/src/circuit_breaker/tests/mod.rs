//! The pure parts: as tables, and against a simpler model; and what only the crate itself can do.

mod cancel;
mod early;
mod meter;
mod model;
mod steered;
mod tables;
mod words;

use std::time::Duration;

use super::{
    cause::Cause,
    config::{CircuitBreakerConfig, Window},
    gate::{AtomicGate, Gate, Rule},
    meter::Meter,
    mode::{Mode, State},
    state::{Admission, Change, Machine, Moment},
};
use crate::{
    common::{
        stripe::Stripes,
        window::{Outcome, Ring},
    },
    config::Enforce,
};

const GOOD: Outcome = Outcome {
    bad: false,
    slow: false,
};
const BAD: Outcome = Outcome {
    bad: true,
    slow: false,
};
const SLOW: Outcome = Outcome {
    bad: false,
    slow: true,
};

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// A moment at which chance makes no wait shorter.
fn at(now: f64) -> Moment {
    Moment {
        now: secs(now),
        chance: 1.0,
    }
}

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    }
}

/// A meter with four stripes, however many cores there are.
fn meter(config: &CircuitBreakerConfig) -> Meter {
    Meter::new(config, Stripes::of(4, |_| Ring::new()))
}

/// The stripe of a thread.
fn stripe(meter: &Meter, thread: usize) -> &Ring {
    meter
        .calls()
        .iter()
        .nth(thread % 4)
        .expect("there are four")
}

fn record(meter: &Meter, millis: u64, outcome: Outcome) -> Option<Cause> {
    meter.record(stripe(meter, 0), millis, 0, outcome)
}

fn generation(machine: &Machine) -> u64 {
    machine.gate().generation
}

fn trip(machine: &mut Machine, retry_after: Option<f64>, moment: Moment) {
    let generation = generation(machine);
    machine.trip(generation, Cause::InARow(10), retry_after.map(secs), moment);
}

fn probe(machine: &mut Machine, moment: Moment) -> u32 {
    match machine.admit(moment) {
        Admission::Probe { id, .. } => id,
        other => panic!("no probe but {other:?} at {moment:?}"),
    }
}

fn end_probe(machine: &mut Machine, id: u32, outcome: Outcome, moment: Moment) {
    let generation = generation(machine);
    machine.probe_ended(generation, id, Some(outcome), None, moment);
}

fn half_open(config: CircuitBreakerConfig) -> (Machine, u32) {
    let mut machine = Machine::new(config);
    trip(&mut machine, None, at(0.0));
    let id = probe(&mut machine, at(5.0));
    (machine, id)
}

fn brief(change: Change) -> String {
    format!("{} -> {}: {}", change.from, change.to, change.cause)
}
