//! The lock-free meter and the state machine, driven as calls drive them, against a model that
//! keeps whole lists and has no generations: it forgets running calls when its state changes.

use std::collections::{BTreeMap, VecDeque};

use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Time passes, in tenths of a second.
    Wait(u16),
    /// A call begins.
    Begin,
    /// One of the running calls ends; `None` is a caller that gives up.
    End(usize, Option<Outcome>),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        2 => Just(Some(GOOD)),
        3 => Just(Some(BAD)),
        1 => Just(Some(SLOW)),
        1 => Just(None),
    ];
    prop_oneof![
        1 => (0..120_u16).prop_map(Step::Wait),
        8 => Just(Step::Begin),
        8 => (any::<usize>(), outcome).prop_map(|(call, outcome)| Step::End(call, outcome)),
    ]
}

/// The real thing, as `Core` puts it together.
struct Real {
    machine: Machine,
    meter: Meter,
    running: BTreeMap<u64, Admission>,
}

impl Real {
    fn change<R>(&mut self, work: impl FnOnce(&mut Machine) -> R) -> R {
        let before = generation(&self.machine);
        let result = work(&mut self.machine);
        if generation(&self.machine) != before {
            self.meter.clear();
        }
        result
    }

    fn begin(&mut self, call: u64, moment: Moment) -> bool {
        let admission = self.change(|machine| machine.admit(moment));
        let admitted = !matches!(admission, Admission::Refused { .. });
        if admitted {
            self.running.insert(call, admission);
        }
        admitted
    }

    fn end(&mut self, call: u64, outcome: Option<Outcome>, moment: Moment) {
        match (self.running.remove(&call), outcome) {
            (Some(Admission::Probe { generation, id }), outcome) => self.change(|machine| {
                machine.probe_ended(generation, id, outcome, None, moment);
            }),
            (Some(Admission::Counted { generation }), Some(outcome))
                if generation == super::generation(&self.machine) =>
            {
                let millis = moment.now.as_millis() as u64;
                let calls = stripe(&self.meter, call as usize);
                if let Some(cause) = self.meter.record(calls, millis, generation, outcome) {
                    self.change(|machine| machine.trip(generation, cause, None, moment));
                }
            }
            _ => {}
        }
    }
}

/// What it should do.
struct Model {
    config: CircuitBreakerConfig,
    state: Shape,
    openings: u32,
}

enum Shape {
    Closed {
        running: Vec<u64>,
        last: VecDeque<Outcome>,
        in_a_row: u32,
    },
    Open {
        until: Duration,
    },
    HalfOpen {
        leases: BTreeMap<u64, Duration>,
        good: usize,
        bad: usize,
    },
}

impl Model {
    fn closed() -> Shape {
        Shape::Closed {
            running: Vec::new(),
            last: VecDeque::new(),
            in_a_row: 0,
        }
    }

    fn open(&mut self, now: Duration) {
        let wait = self.config.open_for * 2_u32.pow(self.openings.min(8));
        self.openings += 1;
        self.state = Shape::Open {
            until: now + wait.min(self.config.max_open_for),
        };
    }

    fn decide(&mut self, now: Duration) {
        let Shape::HalfOpen { good, bad, .. } = self.state else {
            return;
        };
        // Half of three: two bad ones open, two good ones close.
        if bad >= 2 {
            self.open(now);
        } else if good >= 2 {
            self.openings = 0;
            self.state = Self::closed();
        }
    }

    fn begin(&mut self, call: u64, now: Duration) -> bool {
        if let Shape::HalfOpen { leases, bad, .. } = &mut self.state {
            let out = leases.len();
            leases.retain(|_, until| now < *until);
            *bad += out - leases.len();
            self.decide(now);
        }
        if matches!(self.state, Shape::Open { until } if now >= until) {
            self.state = Shape::HalfOpen {
                leases: BTreeMap::new(),
                good: 0,
                bad: 0,
            };
        }
        match &mut self.state {
            Shape::Closed { running, .. } => running.push(call),
            Shape::Open { .. } => return false,
            Shape::HalfOpen { leases, good, bad } => {
                if leases.len() + *good + *bad >= 3 {
                    return false;
                }
                leases.insert(call, now + self.config.probe_lease);
            }
        }
        true
    }

    fn end(&mut self, call: u64, outcome: Option<Outcome>, now: Duration) {
        match &mut self.state {
            Shape::Closed {
                running,
                last,
                in_a_row,
            } => {
                let Some(place) = running.iter().position(|running| *running == call) else {
                    return;
                };
                running.remove(place);
                let Some(outcome) = outcome else { return };
                *in_a_row = if outcome.bad { *in_a_row + 1 } else { 0 };
                last.push_back(outcome);
                if last.len() > 8 {
                    last.pop_front();
                }
                let bad = last.iter().filter(|outcome| outcome.bad).count();
                let rate_reached = last.len() >= 4 && bad * 2 >= last.len();
                if outcome != GOOD && (*in_a_row >= 3 || rate_reached) {
                    self.open(now);
                }
            }
            Shape::Open { .. } => {}
            Shape::HalfOpen { leases, good, bad } => {
                if leases.remove(&call).is_none() {
                    return;
                }
                match outcome {
                    None => return,
                    Some(BAD) => *bad += 1,
                    Some(_) => *good += 1,
                }
                self.decide(now);
            }
        }
    }

    fn state(&self, now: Duration) -> State {
        match &self.state {
            Shape::Closed { .. } => State::Closed,
            Shape::Open { until } if now < *until => State::Open,
            Shape::Open { .. } | Shape::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_machine_does_what_the_model_does(steps in vec(step(), 0..400)) {
        let config = CircuitBreakerConfig {
            window: Window::Count(8),
            min_calls: 4,
            consecutive_failures: Some(3),
            probe_lease: secs(4.0),
            ..config()
        };
        let mut real = Real {
            meter: meter(&config),
            machine: Machine::new(config.clone()),
            running: BTreeMap::new(),
        };
        let mut model = Model { config, state: Model::closed(), openings: 0 };
        let mut now = 0.0;
        for (call, step) in (0..).zip(steps) {
            match step {
                Step::Wait(tenths) => now += f64::from(tenths) / 10.0,
                Step::Begin => {
                    let admitted = real.begin(call, at(now));
                    prop_assert_eq!(admitted, model.begin(call, secs(now)));
                }
                Step::End(which, outcome) => {
                    let running = real.running.len().max(1);
                    if let Some(call) = real.running.keys().nth(which % running).copied() {
                        real.end(call, outcome, at(now));
                        model.end(call, outcome, secs(now));
                    }
                }
            }
            prop_assert_eq!(real.machine.state_at(secs(now)), model.state(secs(now)));
        }
    }
}
