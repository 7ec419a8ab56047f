//! The machine and its algorithms on windows of every kind, against a model that knows only the rules.

use std::time::Duration;

use proptest::prelude::*;

use super::simulation::{aimd, gradient, vegas};
use crate::adaptive::{
    Algorithm, Sample, Step,
    meter::Meter,
    reason,
    state::{Bounds, Boxed, Machine, Window},
};

const BOUNDS: Bounds = Bounds {
    initial: 20.0,
    min: 3.0,
    max: 60.0,
    drop_share: 0.1,
};

/// Wants whatever it is told, even what is no number.
struct Wish(f64);

impl Algorithm for Wish {
    fn next(&mut self, _: f64, _: &Sample) -> Step {
        Step::new(self.0, "wished")
    }
}

fn window(calls: u64, millis: u64, drops: u64, peak: u32) -> Window {
    let latency = Duration::from_millis(millis);
    Window {
        length: Duration::from_millis(100),
        calls,
        mean: latency,
        latency,
        answers: calls,
        drops,
        peak,
    }
}

/// Runs a window; what the limit was and is.
fn run(machine: &mut Machine, window: &Window) -> (u32, u32) {
    let before = machine.limit();
    let (mut algorithm, limit, sample) = machine.begin(window).expect("it came back");
    let step = algorithm.next(limit, &sample);
    let change = machine.finish(algorithm, sample, Some(step));
    let after = machine.limit();
    assert_eq!(
        change.map(|change| (change.from, change.to)),
        (before != after).then_some((before, after)),
        "a change is told if there is one"
    );
    (before, after)
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let window = (0..200_u64, 0..500_u64, 0..50_u64, 0..100_u32)
        .prop_map(|(calls, millis, drops, peak)| window(calls, millis, drops, peak));
    prop::collection::vec(window, 1..60)
}

fn algorithms() -> [Boxed; 3] {
    [gradient(), vegas(), aimd(Some(Duration::from_millis(200)))]
}

proptest! {
    #[test]
    fn every_algorithm_keeps_the_rules(windows in windows()) {
        for algorithm in algorithms() {
            let mut machine = Machine::new(BOUNDS, algorithm);
            for window in &windows {
                let (before, after) = run(&mut machine, window);
                prop_assert!((3..=60).contains(&after), "within its bounds");
                prop_assert!(after <= before || window.peak >= before, "no growth unless reached");
                let drops = window.drops as f64;
                if drops > 0.0 && drops >= 0.1 * (drops + window.calls as f64) {
                    prop_assert!(after <= before, "no growth with drops");
                }
                if window.drops == 0 && window.peak < before {
                    prop_assert!(after >= before.min(20), "what does not limit is not blamed");
                }
            }
        }
    }

    #[test]
    fn the_limit_is_what_was_wished_for_within_the_rules(
        wishes in prop::collection::vec((prop::num::f64::ANY, 0..100_u32), 1..40),
    ) {
        let mut machine = Machine::new(BOUNDS, Box::new(Wish(0.0)));
        let mut model = 20.0_f64;
        for (wish, peak) in wishes {
            machine.configure(BOUNDS, Some(Box::new(Wish(wish))));
            run(&mut machine, &window(50, 10, 0, peak));
            let reached = f64::from(peak) >= model.floor();
            if wish.is_finite() {
                model = match () {
                    () if wish > model && !reached => model,
                    () if wish <= model && !reached => {
                        wish.max((f64::from(peak) * 2.0).max(20.0).min(model))
                    }
                    () => wish,
                }
                .clamp(3.0, 60.0);
            }
            let sample = machine.last.expect("a window has ended");
            prop_assert!(!sample.is_saturated, "the latency is always the same");
            prop_assert_eq!(machine.exact(), model);
        }
    }

    #[test]
    fn steady_traffic_settles(millis in 1..200_u64, peak in 5..50_u32) {
        for algorithm in [gradient(), vegas()] {
            let mut machine = Machine::new(BOUNDS, algorithm);
            let window = window(100, millis, 0, peak);
            for _ in 0..100 {
                run(&mut machine, &window);
            }
            let settled = machine.limit();
            prop_assert_eq!(run(&mut machine, &window), (settled, settled));
            let is_enough = settled > peak || settled == 60;
            prop_assert!(is_enough, "{settled} for {peak} in flight");
        }
    }

    #[test]
    fn an_odd_window_is_forgotten(odd in prop_oneof![Just(0), 1..3_u64, 100..10_000_u64]) {
        for algorithm in [gradient(), vegas()] {
            let mut machine = Machine::new(BOUNDS, algorithm);
            let usual = window(100, 10, 0, 100);
            for _ in 0..30 {
                run(&mut machine, &usual);
            }
            run(&mut machine, &window(100, odd, 0, 100));
            for _ in 0..100 {
                run(&mut machine, &usual);
            }
            prop_assert!(machine.limit() >= 55, "{} {:?}", machine.limit(), machine.step);
        }
    }
}

#[test]
fn what_began_before_the_limit_came_down_is_not_counted_again() {
    let meter = Meter::new();
    meter.require(5);
    meter.open(1_000, Duration::from_nanos(100), Duration::from_secs(1));
    for _ in 0..4 {
        assert!(!meter.dropped(1_000, 1_200));
    }
    assert!(meter.dropped(1_000, 1_200) && meter.claim(1_200));
    assert!(!meter.claim(1_300), "one ends it");
    let window = meter.take(1_200, 0.9, 7).expect("five are enough");
    assert_eq!(
        (window.drops, window.calls, window.length.as_nanos()),
        (5, 0, 200)
    );
    meter.decreased(1_200);
    meter.open(1_200, Duration::from_nanos(100), Duration::from_secs(1));
    for _ in 0..50 {
        assert!(!meter.dropped(1_100, 1_400) && !meter.answered(1_100, 1_400));
    }
    for _ in 0..4 {
        assert!(!meter.answered(1_200, 1_400));
    }
    assert!(meter.answered(1_200, 1_400) && meter.claim(1_400));
    let window = meter.take(1_400, 0.9, 0).expect("five are enough");
    assert_eq!(
        (window.drops, window.calls, window.answers, window.peak),
        (0, 5, 55, 7)
    );
}

#[test]
fn a_window_with_too_few_calls_is_thrown_away_in_the_end() {
    let meter = Meter::new();
    meter.require(5);
    meter.open(0, Duration::from_nanos(100), Duration::from_nanos(1_000));
    assert!(!meter.answered(10, 999));
    assert!(meter.answered(10, 1_000) && meter.claim(1_000));
    assert_eq!(meter.take(1_000, 0.9, 0), None);
}

#[test]
fn an_algorithm_that_panicked_changes_nothing() {
    let mut machine = Machine::new(BOUNDS, Box::new(Wish(50.0)));
    let (algorithm, _, sample) = machine.begin(&window(50, 10, 0, 99)).expect("it is there");
    assert!(machine.begin(&window(50, 10, 0, 99)).is_none(), "it is out");
    assert_eq!(machine.finish(algorithm, sample, None), None);
    assert_eq!((machine.limit(), machine.step.reason), (20, reason::BROKEN));
    run(&mut machine, &window(50, 10, 0, 99));
    assert_eq!(machine.limit(), 50, "it is back");
}
