//! How soon the default notices that calls begin to fail, and that it does not imagine it.

use super::*;

/// Calls that come at random, `per_second` of them on average, of which a share fails by chance.
struct Traffic {
    meter: Meter,
    random: fastrand::Rng,
    per_second: f64,
    secs: f64,
}

impl Traffic {
    fn new(seed: u64, per_second: f64, config: &CircuitBreakerConfig) -> Self {
        Self {
            meter: meter(config),
            random: fastrand::Rng::with_seed(seed),
            per_second,
            secs: 0.0,
        }
    }

    /// Goes on for so long, or until it opens; when that was.
    fn run(&mut self, secs: f64, failing: f64) -> Option<f64> {
        let from = self.secs;
        while self.secs < from + secs {
            self.secs += -(1.0 - self.random.f64()).ln() / self.per_second;
            let outcome = if self.random.f64() < failing {
                BAD
            } else {
                GOOD
            };
            let calls = stripe(&self.meter, self.random.usize(..4));
            let millis = (self.secs * 1000.0) as u64;
            if self.meter.record(calls, millis, 0, outcome).is_some() {
                return Some(self.secs - from);
            }
        }
        None
    }
}

/// When it was noticed in each of 200 runs, in order; the fault begins anywhere in a tick.
fn noticed(per_second: f64, failing: f64, config: &CircuitBreakerConfig) -> Vec<f64> {
    let mut times: Vec<_> = (0..200)
        .map(|seed| {
            let mut traffic = Traffic::new(seed, per_second, config);
            assert_eq!(traffic.run(20.0 + seed as f64 / 200.0, 0.0), None);
            traffic.run(60.0, failing).expect("within a minute")
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

#[test]
fn what_begins_to_fail_is_noticed_in_two_seconds() {
    for (per_second, failing, median, within_two) in [
        // Of so many calls a twentieth is unlucky, whatever the rule.
        (100.0, 0.5, 1.3, 186),
        (100.0, 0.55, 1.1, 198),
        (1_000.0, 0.5, 0.7, 200),
        (100.0, 0.6, 1.0, 200),
        (50.0, 0.7, 1.2, 200),
    ] {
        let times = noticed(per_second, failing, &config());
        let soon = times.iter().filter(|time| **time <= 2.0).count();
        println!(
            "{failing} of {per_second}/s: {:.2} s, {:.2} s for nine of ten, {soon} of 200 within 2 s",
            times[100], times[180]
        );
        assert!(times[100] <= median && soon >= within_two);
    }
}

#[test]
fn without_it_the_whole_window_has_to_fill() {
    let patient = CircuitBreakerConfig {
        early: false,
        consecutive_failures: None,
        ..config()
    };
    assert!(noticed(100.0, 0.6, &patient)[0] > 5.0);
}

#[test]
fn a_service_that_always_fails_by_less_than_the_rate_is_left_to_the_whole_window() {
    let config = CircuitBreakerConfig {
        consecutive_failures: None,
        ..config()
    };
    for failing in [0.3, 0.35, 0.4] {
        for seed in 0..10 {
            let mut traffic = Traffic::new(seed, 100.0, &config);
            // Of the first calls alone, many may fail.
            while traffic.secs < 10.0 {
                traffic.run(10.0 - traffic.secs, failing);
            }
            assert_eq!(traffic.run(200.0, failing), None, "{failing}");
        }
    }
}

#[test]
fn a_service_that_always_fails_a_little_is_left_alone() {
    // Without the rule about failures in a row, which is not in question here.
    let config = CircuitBreakerConfig {
        consecutive_failures: None,
        ..config()
    };
    for (per_second, failing) in [(20.0, 0.1), (50.0, 0.2), (200.0, 0.2), (1_000.0, 0.1)] {
        for seed in 0..4 {
            let mut traffic = Traffic::new(seed, per_second, &config);
            let hour = 3600.0 * (100.0 / per_second).min(1.0);
            assert_eq!(
                traffic.run(hour, failing),
                None,
                "{failing} of {per_second}/s"
            );
        }
    }
}
