//! What is kept in words that calls read, and what people are shown of it.

use super::*;
use crate::common::window::Counts;

fn gate(rule: Rule, generation: u64) -> Gate {
    Gate {
        rule,
        generation,
        enforce: Enforce::ALL,
    }
}

#[test]
fn a_gate_is_wide_open_where_every_call_is_counted() {
    for (rule, is_open) in [
        (Rule::All, true),
        (Rule::AllCounted, true),
        (Rule::AllUncounted, false),
        (Rule::Ramp, false),
        (Rule::Ask, false),
        (Rule::NoneUntil, false),
        (Rule::None, false),
    ] {
        let atomic = AtomicGate::new(gate(Rule::None, 0));
        atomic.store(gate(rule, 77), secs(3.0), secs(2.0));
        assert_eq!(atomic.load(), gate(rule, 77));
        assert_eq!(atomic.wide_open(), is_open.then_some(77), "{rule:?}");
        assert_eq!(atomic.generation(), 77);
        assert_eq!((atomic.until(), atomic.ramp()), (secs(3.0), secs(2.0)));
    }
}

#[test]
fn a_rule_tells_the_state_that_a_call_met() {
    let counted = Admission::Counted { generation: 0 };
    let probe = Admission::Probe {
        generation: 0,
        id: 0,
    };
    let refused = Admission::Refused { retry_after: None };
    for (rule, admission, state) in [
        (Rule::All, counted, Some(State::Closed)),
        (Rule::AllCounted, counted, Some(State::Closed)),
        (Rule::AllUncounted, Admission::Uncounted, None),
        (Rule::Ramp, counted, Some(State::Closed)),
        (Rule::Ask, probe, Some(State::HalfOpen)),
        (Rule::Ask, refused, Some(State::HalfOpen)),
        (Rule::NoneUntil, refused, Some(State::Open)),
        // The first one after the open time.
        (Rule::NoneUntil, probe, Some(State::HalfOpen)),
        (Rule::None, refused, Some(State::Open)),
    ] {
        assert_eq!(rule.state(&admission), state, "{rule:?}");
    }
}

#[test]
fn the_levels_of_the_states_rise() {
    let levels = [State::Closed, State::HalfOpen, State::Open].map(State::level);
    assert_eq!(levels, [0, 1, 2]);
}

/// A meter with two calls in it, one of them bad and one slow.
fn filled(window: Window) -> (Meter, CircuitBreakerConfig) {
    let config = CircuitBreakerConfig { window, ..config() };
    let meter = meter(&config);
    record(&meter, 0, BAD);
    record(&meter, 0, SLOW);
    (meter, config)
}

const WINDOWS: [Window; 2] = [Window::Count(20), Window::Time(Duration::from_secs(10))];
const HELD: Counts = Counts {
    total: 2,
    bad: 1,
    slow: 1,
};

#[test]
fn an_update_keeps_what_was_counted_unless_the_window_is_another() {
    for window in WINDOWS {
        let (meter, config) = filled(window);
        meter.update(&CircuitBreakerConfig {
            min_calls: 7,
            ..config.clone()
        });
        assert_eq!(meter.counts(0, 0), (HELD, window));
        meter.update(&CircuitBreakerConfig {
            window: Window::Count(50),
            ..config.clone()
        });
        meter.update(&config);
        assert_eq!(meter.counts(0, 0), (Counts::default(), window));
    }
}

#[test]
fn a_meter_that_is_cleared_knows_nothing_of_its_own_generation_either() {
    for window in WINDOWS {
        let (meter, _) = filled(window);
        record(&meter, 0, BAD);
        assert_eq!(meter.in_a_row(0), 1);
        meter.clear();
        assert_eq!(meter.counts(0, 0).0, Counts::default());
        assert_eq!(meter.in_a_row(0), 0);
    }
}

#[test]
fn a_meter_that_is_restored_counts_what_it_had_counted() {
    let counts = Counts {
        total: 8,
        bad: 3,
        slow: 2,
    };
    for window in WINDOWS {
        let meter = meter(&CircuitBreakerConfig { window, ..config() });
        meter.restore(0, 0, counts, 2);
        assert_eq!((meter.counts(0, 0).0, meter.in_a_row(0)), (counts, 2));
    }
}

#[test]
fn a_meter_knows_what_is_slow() {
    for slow_call in [None, Some(secs(5.0))] {
        let meter = meter(&CircuitBreakerConfig {
            slow_call,
            ..config()
        });
        assert_eq!(meter.slow_call(), slow_call);
    }
}

#[test]
fn a_probe_runs_until_its_lease_is_up_and_whoever_finds_no_place_is_told_when_that_is() {
    let (mut machine, _) = half_open(config());
    probe(&mut machine, at(6.0));
    probe(&mut machine, at(6.0));
    let running = |machine: &Machine, now| machine.probes().map(|probes| probes.running(secs(now)));
    assert_eq!(running(&machine, 14.9), Some(3));
    assert_eq!(running(&machine, 15.0), Some(2));
    for (now, after) in [(7.0, 1.0), (14.75, 0.25)] {
        let retry_after = Some(secs(after));
        assert_eq!(machine.admit(at(now)), Admission::Refused { retry_after });
    }
}
