//! A bulkhead and its queue, through the handle and on paused time, against a simpler one.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;

use crate::{
    bulkhead::{Acquire, BulkheadConfig, BulkheadHandle, BulkheadLayer, Permit},
    config::Enforce,
};

#[derive(Clone, Debug)]
enum Step {
    Arrive,
    /// One of those that run ends.
    Leave(usize),
    /// One of those that wait goes away.
    GiveUp(usize),
    Pass(u64),
    Update {
        limit: usize,
        queue: usize,
        rule: Rule,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Rule {
    #[default]
    Enforced,
    DryRun,
    Off,
}

const MAX_WAIT: u64 = 50;

#[derive(Default)]
struct Model {
    now: u64,
    limit: usize,
    queue: usize,
    rule: Rule,
    running: usize,
    refused: u64,
    would_refuse: u64,
    /// Who waits, and until when.
    waiting: VecDeque<(usize, u64)>,
}

/// What becomes of a call.
#[derive(Debug, PartialEq)]
enum Fate {
    Runs,
    Waits,
    Refused,
}

impl Model {
    fn may_run(&self) -> bool {
        self.rule == Rule::Off || self.running < self.limit
    }

    fn arrive(&mut self, call: usize) -> Fate {
        if self.waiting.is_empty() && self.may_run() {
            self.running += 1;
            return Fate::Runs;
        }
        if self.rule == Rule::DryRun {
            self.running += 1;
            self.would_refuse += u64::from(self.running > self.limit + self.queue);
            return Fate::Runs;
        }
        if self.waiting.len() < self.queue {
            self.waiting.push_back((call, self.now + MAX_WAIT));
            return Fate::Waits;
        }
        self.refused += 1;
        Fate::Refused
    }

    fn hand_over(&mut self) {
        let in_dry_run = self.rule == Rule::DryRun;
        while (in_dry_run || self.may_run()) && self.waiting.pop_front().is_some() {
            self.running += 1;
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        let now = self.now;
        let before = self.waiting.len();
        self.waiting.retain(|(_, until)| *until > now);
        self.refused += (before - self.waiting.len()) as u64;
    }
}

/// The real one and all its calls.
struct Real {
    handle: BulkheadHandle,
    running: Vec<Permit>,
    waiting: Vec<(usize, Pin<Box<Acquire>>)>,
}

impl Real {
    fn arrive(&mut self, call: usize) -> Fate {
        let mut acquire = Box::pin(self.handle.acquire());
        match poll(&mut acquire) {
            Poll::Ready(Ok(permit)) => {
                self.running.push(permit);
                Fate::Runs
            }
            Poll::Ready(Err(_)) => Fate::Refused,
            Poll::Pending => {
                self.waiting.push((call, acquire));
                Fate::Waits
            }
        }
    }

    /// Polls everybody who waits, as if woken.
    fn look(&mut self) {
        let running = &mut self.running;
        self.waiting.retain_mut(|(_, acquire)| match poll(acquire) {
            Poll::Ready(Ok(permit)) => {
                running.push(permit);
                false
            }
            Poll::Ready(Err(_)) => false,
            Poll::Pending => true,
        });
    }
}

fn poll(acquire: &mut Pin<Box<Acquire>>) -> Poll<<Acquire as Future>::Output> {
    acquire
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rule =
        prop_oneof![6 => Just(Rule::Enforced), 1 => Just(Rule::DryRun), 1 => Just(Rule::Off)];
    let update = (0..6_usize, 0..5_usize, rule).prop_map(|(limit, queue, rule)| Step::Update {
        limit,
        queue,
        rule,
    });
    let step = prop_oneof![
        8 => Just(Step::Arrive),
        6 => any::<usize>().prop_map(Step::Leave),
        2 => any::<usize>().prop_map(Step::GiveUp),
        3 => (1..40_u64).prop_map(Step::Pass),
        1 => update,
    ];
    prop::collection::vec(step, 1..150)
}

async fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    // Among so many places each thread has some of its own; the first step takes most of them away.
    let layer = BulkheadLayer::new(100);
    let mut model = Model::default();
    let mut real = Real {
        handle: layer.handle(),
        running: Vec::new(),
        waiting: Vec::new(),
    };
    let first = Step::Update {
        limit: 2,
        queue: 2,
        rule: Rule::Enforced,
    };
    for (number, step) in std::iter::once(first).chain(steps).enumerate() {
        match step.clone() {
            Step::Arrive => {
                prop_assert_eq!(real.arrive(number), model.arrive(number), "{}", number);
            }
            Step::Leave(which) => {
                if let Some(at) = which.checked_rem(real.running.len()) {
                    drop(real.running.swap_remove(at));
                    model.running -= 1;
                    model.hand_over();
                }
            }
            Step::GiveUp(which) => {
                if let Some(at) = which.checked_rem(real.waiting.len()) {
                    let (call, acquire) = real.waiting.remove(at);
                    drop(acquire);
                    model.waiting.retain(|(waiting, _)| *waiting != call);
                }
            }
            Step::Pass(millis) => {
                tokio::time::advance(Duration::from_millis(millis)).await;
                model.pass(millis);
            }
            Step::Update { limit, queue, rule } => {
                let config = BulkheadConfig {
                    enabled: rule != Rule::Off,
                    enforce: if rule == Rule::DryRun {
                        Enforce::DRY_RUN
                    } else {
                        Enforce::ALL
                    },
                    max_concurrent: limit,
                    max_queue: queue,
                    max_wait: Duration::from_millis(MAX_WAIT),
                };
                real.handle.update(config).expect("in range");
                (model.limit, model.queue, model.rule) = (limit, queue, rule);
                model.hand_over();
            }
        }
        real.look();
        let now = real.handle.snapshot();
        let seen = (now.running, now.waiting, now.refused, now.would_refuse);
        let expected = (
            model.running,
            model.waiting.len(),
            model.refused,
            model.would_refuse,
        );
        prop_assert_eq!(seen, expected, "after {} {:?}", number, step);
        prop_assert_eq!(real.running.len(), model.running);
        let waits: Vec<_> = real.waiting.iter().map(|(call, _)| *call).collect();
        let should: Vec<_> = model.waiting.iter().map(|(call, _)| *call).collect();
        prop_assert_eq!(waits, should, "after {} {:?}", number, step);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_bulkhead_does_what_a_simple_one_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(check(steps))?;
    }
}
