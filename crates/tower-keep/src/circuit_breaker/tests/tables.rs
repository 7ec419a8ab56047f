use super::*;

#[test]
fn each_opening_is_longer_up_to_the_cap_and_as_long_as_the_service_asks() {
    let waits = |chance, retry_after| {
        let mut machine = Machine::new(CircuitBreakerConfig {
            probes: 1,
            ..config()
        });
        let moment = |now| Moment {
            now: secs(now),
            chance,
        };
        let mut now = 0.0;
        trip(&mut machine, retry_after, moment(now));
        let mut waits = vec![machine.until().as_secs_f64() - now];
        for _ in 0..4 {
            now = machine.until().as_secs_f64();
            let id = probe(&mut machine, moment(now));
            end_probe(&mut machine, id, BAD, moment(now));
            waits.push(machine.until().as_secs_f64() - now);
        }
        waits
    };
    assert_eq!(waits(1.0, None), [5.0, 10.0, 20.0, 30.0, 30.0]);
    assert_eq!(waits(0.0, None), [2.5, 5.0, 10.0, 15.0, 15.0]);
    assert_eq!(waits(0.0, Some(12.0))[0], 12.0);
    assert_eq!(waits(1.0, Some(1.0))[0], 5.0);
    assert_eq!(waits(1.0, Some(1e6))[0], 30.0);
}

#[test]
fn probes_decide_together_and_as_early_as_the_outcome_is_certain() {
    use State::{Closed, HalfOpen, Open};
    let cases: &[(usize, f64, &[Outcome], &[State])] = &[
        (1, 0.5, &[GOOD], &[Closed]),
        (1, 1.0, &[BAD], &[Open]),
        (3, 0.5, &[GOOD, GOOD], &[HalfOpen, Closed]),
        (3, 0.5, &[BAD, GOOD, GOOD], &[HalfOpen, HalfOpen, Closed]),
        (3, 0.5, &[GOOD, BAD, BAD], &[HalfOpen, HalfOpen, Open]),
        (3, 0.3, &[GOOD, BAD], &[HalfOpen, Open]),
        (3, 1.0, &[BAD, BAD, GOOD], &[HalfOpen, HalfOpen, Closed]),
        (4, 0.5, &[GOOD, GOOD, GOOD], &[HalfOpen, HalfOpen, Closed]),
        (
            4,
            0.5,
            &[GOOD, BAD, GOOD, BAD],
            &[HalfOpen, HalfOpen, HalfOpen, Open],
        ),
        // Slow ones are bad, since a slow rate is given.
        (2, 0.5, &[SLOW], &[Open]),
    ];
    for (probes, rate, outcomes, states) in cases {
        let mut machine = Machine::new(CircuitBreakerConfig {
            probes: *probes,
            probe_failure_rate: Some(*rate),
            slow_rate: Some(0.9),
            ..config()
        });
        trip(&mut machine, None, at(0.0));
        for (n, outcome) in outcomes.iter().enumerate() {
            let id = probe(&mut machine, at(5.0));
            end_probe(&mut machine, id, *outcome, at(5.0));
            let state = machine.state_at(at(5.0).now);
            assert_eq!(
                state, states[n],
                "{outcomes:?} of {probes} at {rate}, after {n}"
            );
        }
    }
}

#[test]
fn slow_probes_are_good_where_no_slow_rate_is_given() {
    let (mut machine, id) = half_open(CircuitBreakerConfig {
        probes: 1,
        ..config()
    });
    end_probe(&mut machine, id, SLOW, at(5.0));
    assert_eq!(machine.state_at(secs(5.0)), State::Closed);
}

#[test]
fn no_more_probes_than_asked_for_are_out_and_an_ignored_one_makes_place() {
    let (mut machine, first) = half_open(config());
    probe(&mut machine, at(5.0));
    probe(&mut machine, at(5.0));
    let refused = Admission::Refused {
        retry_after: Some(secs(1.0)),
    };
    assert_eq!(machine.admit(at(5.0)), refused);
    let now = generation(&machine);
    machine.probe_ended(now, first, None, None, at(5.0));
    probe(&mut machine, at(5.0));
    assert_eq!(machine.admit(at(5.0)), refused);
}

#[test]
fn a_probe_whose_lease_is_up_is_charged_once() {
    let (mut machine, hung) = half_open(CircuitBreakerConfig {
        probes: 3,
        ..config()
    });
    let late = at(15.0);
    let second = probe(&mut machine, late);
    assert_eq!(machine.probes().unwrap().tally().hung, 1);
    // Its late end changes nothing.
    end_probe(&mut machine, hung, BAD, late);
    assert_eq!(machine.probes().unwrap().tally().bad(), 1);
    end_probe(&mut machine, second, GOOD, late);
    let third = probe(&mut machine, late);
    end_probe(&mut machine, third, GOOD, late);
    assert_eq!(machine.state_at(late.now), State::Closed);
}

#[test]
fn probes_that_all_hang_open_it_again() {
    let (mut machine, _) = half_open(CircuitBreakerConfig {
        probes: 1,
        ..config()
    });
    let admission = machine.admit(at(15.0));
    let left = Some(secs(10.0));
    assert_eq!(admission, Admission::Refused { retry_after: left });
    let last = machine.take_changes().pop().unwrap();
    assert_eq!((last.from, last.to), (State::HalfOpen, State::Open));
    assert_eq!(last.cause.to_string(), "1 of 1 probe hung");
}

#[test]
fn the_time_it_was_open_is_told_to_a_tenth() {
    let cause = Cause::Waited(Duration::from_nanos(5_123_456_789));
    assert_eq!(cause.to_string(), "was open for 5.1s");
}

#[test]
fn a_probe_whose_answer_goes_on_past_the_lease_is_good() {
    let (mut machine, id) = half_open(CircuitBreakerConfig {
        probes: 1,
        ..config()
    });
    machine.probe_answered(generation(&machine), id);
    let admission = machine.admit(at(15.0));
    assert!(
        matches!(admission, Admission::Counted { .. }),
        "{admission:?}"
    );
}

#[test]
fn results_of_another_generation_move_nothing() {
    let mut machine = Machine::new(config());
    let closed = generation(&machine);
    trip(&mut machine, None, at(0.0));
    let until = machine.until();
    // A straggler of the closed state, while open and while half-open.
    machine.trip(closed, Cause::InARow(11), Some(secs(20.0)), at(1.0));
    assert_eq!(machine.until(), until);
    let id = probe(&mut machine, at(5.0));
    let half_open = generation(&machine);
    machine.trip(closed, Cause::InARow(11), None, at(5.0));
    machine.probe_ended(closed, id, Some(BAD), None, at(5.0));
    assert_eq!(machine.state_at(secs(5.0)), State::HalfOpen);
    // A probe of an earlier half-open state.
    for _ in 0..2 {
        let id = probe(&mut machine, at(5.0));
        machine.probe_ended(half_open, id, Some(BAD), None, at(5.0));
    }
    assert_eq!(machine.state_at(secs(5.0)), State::Open);
    let second = probe(&mut machine, at(15.0));
    machine.probe_ended(half_open, second, Some(BAD), None, at(15.0));
    assert_eq!(machine.probes().unwrap().tally().bad(), 0);
}

#[test]
fn a_call_of_the_closed_state_before_last_does_not_open_it() {
    let (mut machine, id) = half_open(CircuitBreakerConfig {
        probes: 1,
        ..config()
    });
    end_probe(&mut machine, id, GOOD, at(5.0));
    machine.trip(0, Cause::InARow(10), None, at(5.0));
    assert_eq!(machine.state_at(secs(5.0)), State::Closed);
}

#[test]
fn the_ramp_lets_a_growing_share_through_and_remembers_a_relapse() {
    let (mut machine, id) = half_open(CircuitBreakerConfig {
        probes: 1,
        ramp: secs(10.0),
        ..config()
    });
    end_probe(&mut machine, id, GOOD, at(5.0));
    for (now, share) in [(5.0, 0.1), (10.0, 0.55), (15.0, 1.0), (99.0, 1.0)] {
        let admitted = machine.admitted_share(secs(now));
        assert!((admitted - share).abs() < 1e-9, "{admitted} at {now}");
    }
    let by_chance = |machine: &mut Machine, chance| {
        let moment = Moment {
            now: secs(10.0),
            chance,
        };
        matches!(machine.admit(moment), Admission::Counted { .. })
    };
    assert!(by_chance(&mut machine, 0.54) && !by_chance(&mut machine, 0.56));
    // A relapse during the ramp is the second opening in a row.
    trip(&mut machine, None, at(10.0));
    assert_eq!(machine.until(), secs(20.0));
    // After a ramp without one, the first.
    let id = probe(&mut machine, at(20.0));
    end_probe(&mut machine, id, GOOD, at(20.0));
    machine.admit(at(30.0));
    assert_eq!(machine.gate().rule, Rule::All);
    trip(&mut machine, None, at(30.0));
    assert_eq!(machine.until(), secs(35.0));
}

#[test]
fn modes_rule_over_the_state() {
    let refused = Admission::Refused { retry_after: None };
    let mut machine = Machine::new(config());
    let told = |machine: &mut Machine, mode| {
        machine.set_mode(mode, secs(1.0));
        let admission = machine.admit(at(1.0));
        let told: Vec<_> = machine.take_changes().into_iter().map(brief).collect();
        (admission, told.join(", "))
    };
    let counted = |generation| Admission::Counted { generation };
    assert_eq!(
        told(&mut machine, Mode::ForcedOpen),
        (refused, "closed -> open: forced open".into())
    );
    assert_eq!(
        told(&mut machine, Mode::Auto),
        (counted(2), "open -> closed: automatic again".into())
    );
    trip(&mut machine, None, at(1.0));
    machine.take_changes();
    assert_eq!(
        told(&mut machine, Mode::ForcedClosed),
        (counted(4), "open -> closed: forced closed".into())
    );
    trip(&mut machine, None, at(1.0));
    assert_eq!(
        told(&mut machine, Mode::ObserveOnly),
        (counted(4), String::new())
    );
    trip(&mut machine, None, at(1.0));
    assert!(machine.gate().enforce.is_dry_run());
    assert_eq!(
        told(&mut machine, Mode::Disabled),
        (
            Admission::Uncounted,
            "closed -> open: 10 failures in a row, open -> closed: disabled".into()
        )
    );
}

#[test]
fn a_breaker_that_only_observed_goes_on_where_it_was() {
    let mut machine = Machine::new(config());
    machine.set_mode(Mode::ObserveOnly, secs(0.0));
    trip(&mut machine, None, at(0.0));
    machine.set_mode(Mode::Auto, secs(1.0));
    let left = Some(secs(4.0));
    assert_eq!(
        machine.admit(at(1.0)),
        Admission::Refused { retry_after: left }
    );
}

#[test]
fn a_gate_survives_its_word() {
    let rules = [
        Rule::All,
        Rule::AllCounted,
        Rule::AllUncounted,
        Rule::Ramp,
        Rule::Ask,
        Rule::NoneUntil,
        Rule::None,
    ];
    for (generation, rule) in (1_000..).zip(rules) {
        for enforce in [0, 1, 50, 100].map(Enforce::percent) {
            let gate = Gate {
                rule,
                generation,
                enforce,
            };
            assert_eq!(AtomicGate::new(gate).load(), gate);
        }
    }
}

#[test]
fn a_window_of_time_has_steps_of_whole_milliseconds_and_is_never_too_short() {
    for (window, held) in [(10, 10), (15, 20), (10_000, 10_000)] {
        let meter = meter(&CircuitBreakerConfig {
            window: Window::Time(Duration::from_millis(window)),
            ..config()
        });
        record(&meter, 0, GOOD);
        assert_eq!(meter.counts(held - 1, 0).0.total, 1, "{window} ms");
        assert_eq!(meter.counts(held, 0).0.total, 0, "{window} ms");
    }
}

#[test]
fn a_meter_says_enough_when_it_is() {
    let base = CircuitBreakerConfig {
        window: Window::Count(20),
        consecutive_failures: None,
        ..config()
    };
    let last_says = |config: &CircuitBreakerConfig, outcomes: &[(usize, Outcome)]| {
        let meter = meter(config);
        let all = outcomes
            .iter()
            .flat_map(|(times, outcome)| std::iter::repeat_n(*outcome, *times));
        all.fold(None, |_, outcome| record(&meter, 1000, outcome))
            .map(|cause| cause.to_string())
    };
    let says = |outcomes: &[(usize, Outcome)]| last_says(&base, outcomes);
    assert_eq!(says(&[(19, BAD)]), None, "too few calls");
    assert_eq!(
        says(&[(20, BAD)]).unwrap(),
        "20 of the last 20 calls failed"
    );
    assert_eq!(says(&[(500, GOOD), (9, BAD)]), None);
    assert_eq!(
        says(&[(500, GOOD), (10, BAD)]).unwrap(),
        "10 of the last 20 calls failed"
    );
    assert_eq!(says(&[(20, BAD), (1, GOOD)]), None, "a success never opens");

    let mut slow = base.clone();
    assert_eq!(last_says(&slow, &[(20, SLOW)]), None);
    slow.slow_rate = Some(0.9);
    slow.window = Window::Time(secs(10.0));
    assert_eq!(last_says(&slow, &[(2, GOOD), (17, SLOW)]), None);
    assert_eq!(
        last_says(&slow, &[(2, GOOD), (18, SLOW)]).unwrap(),
        "18 of 20 calls were slow in 10s"
    );

    let mut row = base.clone();
    row.consecutive_failures = Some(3);
    assert_eq!(last_says(&row, &[(2, BAD), (1, GOOD), (2, BAD)]), None);
    assert_eq!(last_says(&row, &[(3, BAD)]).unwrap(), "3 failures in a row");
}

#[test]
fn a_config_that_cannot_work_names_the_field() {
    let refused = |change: fn(&mut CircuitBreakerConfig)| {
        let mut config = CircuitBreakerConfig::default();
        change(&mut config);
        config.check().map_err(|error| error.field()).unwrap_err()
    };
    assert_eq!(refused(|c| c.window = Window::Count(10)), "min_calls");
    assert_eq!(refused(|c| c.window = Window::Count(0)), "window");
    assert_eq!(refused(|c| c.window = Window::Count(1025)), "window");
    assert_eq!(refused(|c| c.window = Window::Time(secs(0.001))), "window");
    assert_eq!(refused(|c| c.min_calls = 0), "min_calls");
    assert_eq!(refused(|c| c.failure_rate = Some(0.0)), "failure_rate");
    assert_eq!(refused(|c| c.failure_rate = Some(f64::NAN)), "failure_rate");
    assert_eq!(
        refused(|c| (c.failure_rate, c.consecutive_failures) = (None, None)),
        "failure_rate"
    );
    assert_eq!(
        refused(|c| c.consecutive_failures = Some(0)),
        "consecutive_failures"
    );
    assert_eq!(
        refused(|c| (c.slow_rate, c.slow_call) = (Some(0.5), None)),
        "slow_call"
    );
    assert_eq!(refused(|c| c.open_for = Duration::ZERO), "open_for");
    assert_eq!(refused(|c| c.open_for = secs(60.0)), "max_open_for");
    assert_eq!(refused(|c| c.probes = 0), "probes");
    assert_eq!(refused(|c| c.probe_lease = Duration::ZERO), "probe_lease");

    for works in [
        CircuitBreakerConfig::default(),
        CircuitBreakerConfig::light_traffic(),
        CircuitBreakerConfig::brownout(secs(1.0)),
        CircuitBreakerConfig::optional_service(),
    ] {
        works.check().unwrap();
        let text = serde_json::to_string(&works).unwrap();
        assert_eq!(
            serde_json::from_str::<CircuitBreakerConfig>(&text).unwrap(),
            works
        );
    }
    let short: CircuitBreakerConfig =
        serde_json::from_str(r#"{"window": {"count": 50}, "open_for": "2s"}"#).unwrap();
    assert_eq!(
        (short.window, short.open_for),
        (Window::Count(50), secs(2.0))
    );
    assert!(serde_json::from_str::<CircuitBreakerConfig>(r#"{"treshold": 5}"#).is_err());
}
