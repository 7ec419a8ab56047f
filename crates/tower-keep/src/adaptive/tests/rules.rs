//! What each algorithm makes of one window, to the number; and the trend against its definition.

use std::time::Duration;

use proptest::prelude::*;

use super::simulation::aimd;
use crate::adaptive::{
    Algorithm, Sample, Step,
    drift::{Drift, Trend},
    gradient::{Gradient, GradientConfig},
    reason,
    state::{Bounds, Boxed, Machine, Window},
    vegas::{Vegas, VegasConfig},
};

const BOUNDS: Bounds = Bounds {
    initial: 20.0,
    min: 1.0,
    max: 1000.0,
    drop_share: 0.1,
};

const MS: Duration = Duration::from_millis(1);

/// A usual second of a thousand calls; three ways to be another.
fn sample(millis: u32) -> Sample {
    Sample::of(1000, MS * millis)
}

fn dropping(millis: u32) -> Sample {
    Sample {
        is_dropping: true,
        drops: 50,
        ..sample(millis)
    }
}

fn saturated(millis: u32) -> Sample {
    Sample {
        is_saturated: true,
        ..sample(millis)
    }
}

fn silent() -> Sample {
    Sample {
        calls: 0,
        ..sample(1000)
    }
}

/// The limit and the queue to a millionth, and why.
fn said(step: Step) -> (f64, Option<f64>, &'static str) {
    let rounded = |number: f64| (number * 1e6).round() / 1e6;
    (rounded(step.limit), step.queue.map(rounded), step.reason)
}

#[test]
fn aimd_adds_one_and_takes_a_tenth() {
    let mut algorithm = aimd(Some(MS * 50));
    for (sample, expected) in [
        (sample(49), (17.0, None, reason::ROOM)),
        (sample(50), (14.4, None, reason::SLOW)),
        (dropping(10), (14.4, None, reason::DROPS)),
        (dropping(90), (14.4, None, reason::DROPS)),
    ] {
        assert_eq!(said(algorithm.next(16.0, &sample)), expected);
    }
}

/// With a baseline of 10 ms at the start.
fn gradient() -> Gradient {
    Gradient::new(GradientConfig::default(), Some(MS * 10))
}

fn vegas() -> Vegas {
    Vegas::new(VegasConfig::default(), Some(MS * 10))
}

#[test]
fn gradient_goes_down_as_far_as_the_latency_went_up() {
    for (sample, expected) in [
        (sample(10), (20.0, Some(0.0), reason::ROOM)),
        (sample(5), (20.0, Some(0.0), reason::ROOM)),
        // The baseline is 10.5 ms after it: 1.5 times that is more.
        (sample(15), (20.0, Some(4.5), reason::ROOM)),
        // The baseline is 11 ms after it: 1.5 x 11 / 20.
        (sample(20), (13.2, Some(9.0), reason::SLOW)),
        // Never below half.
        (sample(1000), (8.0, Some(891.0), reason::SLOW)),
        (dropping(10), (14.4, Some(0.0), reason::DROPS)),
        (saturated(10), (14.4, Some(0.0), reason::SATURATED)),
        (silent(), (20.0, Some(0.0), reason::ROOM)),
    ] {
        assert_eq!(said(gradient().next(16.0, &sample)), expected);
    }
    let step = gradient().next(16.0, &sample(20));
    assert_eq!(step.baseline, Some(MS * 11));
    let fresh = Gradient::new(GradientConfig::default(), None).next(16.0, &silent());
    assert_eq!(fresh.baseline, None);
}

#[test]
fn vegas_keeps_a_few_in_the_queue() {
    for (limit, sample, expected) in [
        (16.0, sample(10), (17.20412, Some(0.0), reason::ROOM)),
        (2.0, sample(10), (3.0, Some(0.0), reason::ROOM)),
        // The baselines are 10.5, 11 and 14 ms: queues of 30, 45 and 72 hundredths of the limit.
        (11.0, sample(15), (11.0, Some(3.3), reason::STEADY)),
        (9.0, sample(15), (10.0, Some(2.7), reason::ROOM)),
        (10.0, sample(20), (10.0, Some(4.5), reason::STEADY)),
        (10.0, sample(50), (9.0, Some(7.2), reason::SLOW)),
        (10.0, saturated(10), (9.0, Some(0.0), reason::SATURATED)),
        (10.0, dropping(10), (9.0, Some(0.0), reason::DROPS)),
        (100.0, dropping(50), (90.0, Some(80.0), reason::DROPS)),
        (100.0, silent(), (102.0, Some(0.0), reason::ROOM)),
    ] {
        assert_eq!(said(vegas().next(limit, &sample)), expected, "{limit}");
    }
    assert_eq!(vegas().next(10.0, &sample(20)).baseline, Some(MS * 11));
    // Of a hundred twice as many are good: queues of 5.5 and 10.
    for (micros, expected) in [
        (10_651, (102.0, reason::ROOM)),
        (11_250, (100.0, reason::STEADY)),
    ] {
        let sample = Sample::of(1000, Duration::from_micros(micros));
        let step = vegas().next(100.0, &sample);
        assert_eq!((step.limit, step.reason), expected);
    }
    // Three quarters of the limit, and no more than that is borne.
    let exact = VegasConfig {
        beta: 7.5,
        ..VegasConfig::default()
    };
    let mut exact = Vegas::new(exact, Some(MS * 10));
    let step = exact.next(10.0, &saturated(40));
    assert_eq!((step.queue, step.reason), (Some(7.5), reason::SATURATED));
    let content = VegasConfig {
        alpha: 0.0,
        ..VegasConfig::default()
    };
    let mut content = Vegas::new(content, Some(MS * 10));
    assert_eq!(content.next(10.0, &sample(10)).reason, reason::STEADY);
}

/// The same from the definition: windows weigh the less the older they are, and so do deviations.
fn trend_of(windows: &[(f64, f64, f64)]) -> Option<Trend> {
    let last = windows.len().checked_sub(1)?;
    let weight = |at: usize| {
        let share = if at == 0 { 1.0 } else { 0.2 };
        share * 0.8_f64.powi((last - at) as i32)
    };
    let logs = |of: fn(&(f64, f64, f64)) -> f64| -> Vec<f64> {
        let logs: Vec<_> = windows.iter().map(|window| of(window).ln()).collect();
        let mean: f64 = logs.iter().enumerate().map(|(at, x)| weight(at) * x).sum();
        logs.iter().map(|x| x - mean).collect()
    };
    let together = |one: &[f64], other: &[f64]| -> f64 {
        let pairs = one.iter().zip(other).enumerate();
        pairs.map(|(at, (x, y))| weight(at) * x * y).sum()
    };
    let [flight, throughput, latency] = [logs(|w| w.0), logs(|w| w.1), logs(|w| w.2)];
    let varies = together(&flight, &flight);
    (windows.len() >= 4 && varies >= 0.03 * 0.03).then(|| Trend {
        throughput_gain: together(&flight, &throughput) / varies,
        latency_correlation: together(&flight, &latency)
            / (varies * together(&latency, &latency)).sqrt(),
    })
}

proptest! {
    #[test]
    fn the_trend_is_what_its_definition_says(
        windows in prop::collection::vec((1.0..50.0_f64, 10.0..500.0_f64, 0.001..1.0_f64), 1..12),
    ) {
        let mut drift = Drift::default();
        for (nth, (in_flight, throughput, latency)) in windows.iter().enumerate() {
            drift.add(*in_flight, *throughput, *latency);
            // Windows without a call say nothing.
            drift.add(0.0, *throughput, *latency);
            drift.add(*in_flight, 0.0, *latency);
            drift.add(*in_flight, *throughput, 0.0);
            let (found, expected) = (drift.trend(), trend_of(&windows[..=nth]));
            prop_assert_eq!(found.is_some(), expected.is_some(), "{:?}", expected);
            if let (Some(found), Some(expected)) = (found, expected) {
                let gap = (found.throughput_gain - expected.throughput_gain).abs()
                    / (1.0 + expected.throughput_gain.abs());
                let other = found.latency_correlation - expected.latency_correlation;
                prop_assert!(gap < 1e-6 && other.abs() < 1e-6, "{found:?} {expected:?}");
            }
        }
    }
}

#[test]
fn what_hardly_varies_tells_nothing_and_what_never_varies_follows_nothing() {
    let nothing = Trend {
        throughput_gain: 0.0,
        latency_correlation: 0.0,
    };
    for (step, expected) in [(1.001, None), (1.2, Some(nothing))] {
        let mut drift = Drift::default();
        let mut in_flight = 10.0;
        for _ in 0..20 {
            drift.add(in_flight, 100.0, 0.1);
            in_flight *= step;
        }
        assert_eq!(drift.trend(), expected, "{step}");
    }
}

#[test]
fn it_is_saturated_where_latency_follows_and_throughput_does_not() {
    for (throughput_gain, latency_correlation, expected) in [
        (0.29, 0.71, true),
        (0.3, 0.71, false),
        (0.29, 0.7, false),
        (0.9, 0.1, false),
    ] {
        let trend = Trend {
            throughput_gain,
            latency_correlation,
        };
        assert_eq!(trend.is_saturated(), expected, "{trend:?}");
    }
}

/// Wants whatever it is told.
struct Wish(f64);

impl Algorithm for Wish {
    fn next(&mut self, _: f64, _: &Sample) -> Step {
        Step::new(self.0, "wished")
    }
}

fn finish(wish: f64, sample: impl FnOnce(Sample) -> Sample, peak: u32) -> f64 {
    let algorithm: Boxed = Box::new(Wish(wish));
    let mut machine = Machine::new(BOUNDS, algorithm);
    let window = Window {
        length: MS * 100,
        calls: 90,
        mean: MS * 10,
        latency: MS * 20,
        answers: 95,
        drops: 0,
        peak,
    };
    let (mut algorithm, limit, made) = machine.begin(&window).expect("it is there");
    let made = sample(made);
    let step = algorithm.next(limit, &made);
    machine.finish(algorithm, made, Some(step));
    machine.exact()
}

#[test]
fn a_lower_limit_is_taken_from_what_was_in_use() {
    let as_it_is = |sample| sample;
    let dropping = |sample| Sample {
        is_dropping: true,
        ..sample
    };
    let saturated = |sample| Sample {
        is_saturated: true,
        ..sample
    };
    // From 20. All were in use:
    assert_eq!(finish(8.0, as_it_is, 20), 8.0);
    assert_eq!(finish(8.0, dropping, 20), 8.0);
    // 5 were: a limit of 10 would have been as good.
    assert_eq!(finish(8.0, dropping, 5), 4.0);
    assert_eq!(finish(8.0, dropping, 10), 8.0);
    // It was not the limit, which goes no lower than where it began.
    assert_eq!(finish(8.0, as_it_is, 5), 20.0);
    assert_eq!(finish(8.0, saturated, 5), 20.0);
}

#[test]
fn a_limit_that_is_to_stay_needs_not_be_reached() {
    let mut machine = Machine::new(BOUNDS, Box::new(Wish(20.0)));
    let (mut algorithm, limit, made) = machine
        .begin(&Window {
            length: MS * 100,
            calls: 90,
            mean: MS * 10,
            latency: MS * 20,
            answers: 90,
            drops: 0,
            peak: 5,
        })
        .expect("it is there");
    let step = algorithm.next(limit, &made);
    machine.finish(algorithm, made, Some(step));
    assert_eq!((machine.exact(), machine.step.reason), (20.0, "wished"));
}

#[test]
fn far_above_where_it_began_it_comes_down_to_what_begins_to_limit() {
    let settle = |is_saturated: bool, peak: u32| {
        let mut machine = Machine::new(BOUNDS, Box::new(Wish(200.0)));
        let full = Window {
            length: MS * 100,
            calls: 90,
            mean: MS * 10,
            latency: MS * 20,
            answers: 90,
            drops: 0,
            peak: 20,
        };
        for (wish, peak, is_saturated) in [(200.0, 20, false), (8.0, peak, is_saturated)] {
            machine.configure(BOUNDS, Some(Box::new(Wish(wish))));
            let window = Window { peak, ..full };
            let (mut algorithm, limit, made) = machine.begin(&window).expect("it is there");
            let made = Sample {
                is_saturated,
                ..made
            };
            let step = algorithm.next(limit, &made);
            machine.finish(algorithm, made, Some(step));
        }
        machine.exact()
    };
    assert_eq!(settle(false, 40), 80.0, "twice what was in use");
    assert_eq!(settle(true, 40), 40.0, "more brought no more");
    assert_eq!(settle(false, 150), 200.0);
}

#[test]
fn a_sample_is_what_was_counted() {
    let mut machine = Machine::new(BOUNDS, aimd(None));
    let window = Window {
        length: MS * 500,
        calls: 90,
        mean: MS * 20,
        latency: MS * 30,
        answers: 100,
        drops: 10,
        peak: 20,
    };
    let (algorithm, limit, sample) = machine.begin(&window).expect("it is there");
    assert_eq!(limit, 20.0);
    assert_eq!((sample.throughput, sample.in_flight), (200.0, 4.0));
    assert!(sample.was_limited && sample.is_dropping, "a tenth");
    assert!(!sample.is_saturated);
    machine.finish(algorithm, sample, None);
    for (drops, calls, peak, dropping, limited) in [
        (9, 90, 19, false, false),
        (1, 9, 20, true, true),
        (0, 0, 0, false, false),
        (5, 0, 0, true, false),
    ] {
        let (algorithm, _, sample) = machine
            .begin(&Window {
                drops,
                calls,
                peak,
                ..window
            })
            .expect("it is there");
        let found = (sample.is_dropping, sample.was_limited);
        assert_eq!(found, (dropping, limited), "{drops} of {calls}");
        machine.finish(algorithm, sample, None);
    }
    assert_eq!(machine.windows, 5);
    // Where one is too many, none still is none.
    let strict = Bounds {
        drop_share: 0.0,
        ..BOUNDS
    };
    for (drops, dropping) in [(0, false), (1, true)] {
        let mut machine = Machine::new(strict, aimd(None));
        let window = Window { drops, ..window };
        let (_, _, sample) = machine.begin(&window).expect("it is there");
        assert_eq!(sample.is_dropping, dropping, "{drops}");
    }
}
