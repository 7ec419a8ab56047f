//! Deadlines within deadlines, against all of those around and the time at which each was asked.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use crate::common::{
    clock,
    until::{self, Until},
};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call begins, that may take so long from whenever it is asked.
    Open(u64),
    /// A call begins, that may take until so long from now; what is past already as well.
    Fixed(i64),
    /// A call begins that has no end of its own.
    Never,
    Ask,
    Pass(u64),
    /// The innermost call is over.
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2000_u64).prop_map(Step::Open),
        3 => (-500..2000_i64).prop_map(Step::Fixed),
        1 => Just(Step::Never),
        4 => Just(Step::Ask),
        4 => (0..300_u64).prop_map(Step::Pass),
        4 => Just(Step::End),
    ];
    prop::collection::vec(step, 1..1000)
}

/// A call, and the bounds of when it may end.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// No later than this, as far as is known: a moment, or a time from the first that asks.
    own: Own,
    began: Instant,
    /// What it was told when it asked.
    told: Option<Option<Instant>>,
}

#[derive(Clone, Copy, Debug)]
enum Own {
    Never,
    At(Instant),
    For(Duration),
}

impl Call {
    fn earliest(&self) -> Option<Instant> {
        match self.own {
            Own::Never => None,
            Own::At(moment) => Some(moment),
            Own::For(time) => Some(self.began + time),
        }
    }

    fn latest(&self, now: Instant) -> Option<Instant> {
        match self.own {
            Own::For(time) => Some(now + time),
            _ => self.earliest(),
        }
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs the steps of a call until it ends; those of calls within it are nested.
fn run(steps: &mut dyn Iterator<Item = Step>, calls: &mut Vec<Call>, pass: &dyn Fn(Duration)) {
    while let Some(step) = steps.next() {
        let now = clock::now();
        let (mut until, own) = match step {
            Step::End => return,
            Step::Pass(time) => {
                pass(millis(time));
                continue;
            }
            Step::Ask => {
                ask(calls);
                continue;
            }
            Step::Open(time) => (Until::open(millis(time)), Own::For(millis(time))),
            Step::Fixed(after) => {
                let moment = match u64::try_from(after) {
                    Ok(after) => now + millis(after),
                    Err(_) => now - millis(after.unsigned_abs()),
                };
                (Until::fixed(moment), Own::At(moment))
            }
            Step::Never => (Until::NEVER, Own::Never),
        };
        calls.push(Call {
            own,
            began: now,
            told: None,
        });
        let outside = until::current();
        until::within(&mut until, || run(steps, calls, pass));
        let call = calls.pop().expect("it was pushed");
        assert_eq!(until::current(), outside, "a call leaves nothing behind");
        if let Some(told) = call.told {
            assert_eq!(until.moment(), told, "it keeps to what it was told");
        }
    }
}

fn ask(calls: &mut [Call]) {
    let now = clock::now();
    let answer = until::current_moment();
    assert_eq!(until::current_moment(), answer, "asked twice");
    let earliest = calls.iter().filter_map(Call::earliest).min();
    let latest = calls.iter().filter_map(|call| call.latest(now)).min();
    assert!(
        answer >= earliest.or(answer),
        "{answer:?} is before any end: {calls:?}"
    );
    assert_eq!(answer.is_some(), latest.is_some(), "{calls:?}");
    assert!(
        answer.is_none() || answer <= latest,
        "{answer:?} is after an end: {calls:?}"
    );
    let Some(call) = calls.last_mut() else { return };
    let told = *call.told.get_or_insert(answer);
    assert_eq!(
        told, answer,
        "a call is told the same for as long as it lasts"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_call_ends_after_any_around_it_and_none_before_it_must(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let pass = |time| runtime.block_on(tokio::time::advance(time));
        run(&mut steps.into_iter(), &mut Vec::new(), &pass);
        assert_eq!(until::current(), Until::NEVER);
    }
}
