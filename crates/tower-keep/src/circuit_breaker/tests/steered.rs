//! What people do to a breaker, what they are shown of it, and what a straggler cannot do.

use super::*;
use crate::circuit_breaker::{shape::Shape, streak::Streak};

fn last(machine: &mut Machine) -> String {
    machine.take_changes().pop().map(brief).unwrap_or_default()
}

#[test]
fn a_reset_closes_it_and_forgets_how_often_it_opened() {
    let mut machine = Machine::new(config());
    machine.reset(secs(0.5));
    assert!(machine.take_changes().is_empty(), "it was closed");
    assert_eq!(generation(&machine), 1, "and what it had counted is gone");
    trip(&mut machine, None, at(1.0));
    machine.reset(secs(2.0));
    assert_eq!(last(&mut machine), "open -> closed: reset");
    assert_eq!(machine.since(), secs(2.0));
    trip(&mut machine, None, at(3.0));
    assert_eq!(machine.until(), secs(8.0), "as long as the first time");
}

#[test]
fn a_new_configuration_is_for_what_comes_next() {
    let mut machine = Machine::new(config());
    trip(&mut machine, None, at(0.0));
    let patient = CircuitBreakerConfig {
        open_for: secs(7.0),
        ..config()
    };
    machine.update(patient.clone(), secs(1.0));
    assert_eq!(machine.config(), &patient);
    assert_eq!(machine.until(), secs(5.0), "it stays open as it was told");
    machine.reset(secs(2.0));
    trip(&mut machine, None, at(2.0));
    assert_eq!(machine.until(), secs(9.0));
    machine.take_changes();
    machine.update(
        CircuitBreakerConfig {
            enabled: false,
            ..patient
        },
        secs(3.0),
    );
    assert_eq!(machine.mode(), Mode::Disabled);
    assert_eq!(last(&mut machine), "open -> closed: disabled");
}

#[test]
fn it_goes_on_counting_where_it_never_stopped() {
    for (asked, generations) in [
        (Mode::ForcedClosed, [0, 0]),
        (Mode::ObserveOnly, [0, 0]),
        (Mode::Disabled, [1, 2]),
        (Mode::ForcedOpen, [1, 2]),
    ] {
        let mut machine = Machine::new(config());
        let seen = [asked, Mode::Auto].map(|mode| {
            machine.set_mode(mode, secs(1.0));
            generation(&machine)
        });
        assert_eq!(seen, generations, "{asked:?}");
    }
}

#[test]
fn one_that_is_held_closed_is_not_opened_by_its_calls() {
    let mut machine = Machine::new(config());
    machine.set_mode(Mode::ForcedClosed, secs(0.0));
    trip(&mut machine, None, at(1.0));
    machine.set_mode(Mode::Auto, secs(2.0));
    assert_eq!(machine.state_at(secs(2.0)), State::Closed);
    assert_eq!(machine.openings, 0);
}

#[test]
fn people_are_shown_the_state_a_call_would_find() {
    let mut machine = Machine::new(config());
    assert_eq!((machine.since(), machine.cause()), (secs(0.0), Cause::Made));
    assert_eq!(machine.admitted_share(secs(0.0)), 1.0);
    assert_eq!(machine.open_for(secs(0.0)), None);
    trip(&mut machine, None, at(1.0));
    let since = (machine.since(), machine.cause());
    assert_eq!(since, (secs(1.0), Cause::InARow(10)));
    for (now, state, left) in [
        (1.0, State::Open, Some(secs(5.0))),
        (5.75, State::Open, Some(secs(0.25))),
        (6.0, State::HalfOpen, None),
    ] {
        assert_eq!(machine.state_at(secs(now)), state, "at {now}");
        assert_eq!(machine.open_for(secs(now)), left, "at {now}");
        assert_eq!(machine.admitted_share(secs(now)), 0.0, "at {now}");
    }
    assert!(machine.probes().is_none(), "nobody has asked yet");
    probe(&mut machine, at(6.0));
    assert_eq!(last(&mut machine), "open -> half_open: was open for 5.0s");
    assert_eq!(machine.admitted_share(secs(6.0)), 0.0);
    assert_eq!(machine.until(), Duration::ZERO);
}

#[test]
fn one_that_is_held_is_shown_as_it_is_held() {
    let (mut machine, _) = half_open(config());
    for (asked, state, share) in [
        (Mode::ForcedOpen, State::Open, 0.0),
        (Mode::ForcedClosed, State::Closed, 1.0),
        (Mode::Disabled, State::Closed, 1.0),
    ] {
        machine.set_mode(asked, secs(6.0));
        assert_eq!(machine.mode(), asked);
        assert_eq!(machine.state_at(secs(6.0)), state, "{asked:?}");
        assert_eq!(machine.admitted_share(secs(6.0)), share, "{asked:?}");
    }
}

#[test]
fn who_is_turned_away_during_the_ramp_comes_back_soon() {
    let (mut machine, id) = half_open(CircuitBreakerConfig {
        probes: 1,
        ramp: secs(10.0),
        ..config()
    });
    end_probe(&mut machine, id, GOOD, at(5.0));
    for (now, after) in [(5.0, 1.0), (14.75, 0.25)] {
        let retry_after = Some(secs(after));
        assert_eq!(machine.admit(at(now)), Admission::Refused { retry_after });
    }
    assert_eq!(machine.until(), secs(15.0));
}

#[test]
fn a_row_belongs_to_one_generation() {
    let most = u64::from(u32::MAX);
    let row = Streak::new();
    assert!(!row.is_row());
    assert_eq!(row.lengthen(most), 1, "an empty word has no age");
    let row = Streak::new();
    assert_eq!([row.lengthen(7), row.lengthen(7)], [1, 2]);
    row.end(6);
    assert_eq!(row.count(7), 2, "a straggler's success ends no row");
    assert_eq!(row.lengthen(6), 0, "nor does its failure make one");
    assert_eq!((row.count(7), row.count(6), row.count(8)), (2, 0, 0));
    row.end(8);
    assert_eq!(
        row.count(7),
        2,
        "what ends it is a call that was admitted with it"
    );
    assert_eq!(row.lengthen(9), 1, "a later generation begins anew");
    // Up to half of the generations that can be told apart.
    assert_eq!(row.lengthen(9 + most / 2), 1);
    assert_eq!(row.lengthen(9), 0, "whose straggler this is");
    assert!(row.is_row());
    row.end(9 + most / 2);
    assert_eq!(row.count(9 + most / 2), 0);
    assert!(!row.is_row());
    row.clear();
    assert_eq!(row.lengthen(9), 1);
}

#[test]
fn the_longest_window_of_calls_is_one_of_calls() {
    for len in [1, 1024] {
        let word = Shape::of(Window::Count(len)).pack();
        assert!(matches!(Shape::unpack(word), Shape::Count(l) if l == len));
    }
}

#[test]
fn what_opens_early_says_how_much_of_the_window_it_was() {
    let config = CircuitBreakerConfig {
        window: Window::Time(secs(10.0)),
        min_calls: 20,
        consecutive_failures: None,
        ..config()
    };
    let meter = meter(&config);
    for _ in 0..1000 {
        assert_eq!(record(&meter, 1_000, GOOD), None);
    }
    for millis in [5_000; 15].into_iter().chain([6_000; 4]) {
        assert_eq!(record(&meter, millis, BAD), None);
    }
    let cause = record(&meter, 6_000, BAD).map(|cause| cause.to_string());
    assert_eq!(cause.as_deref(), Some("20 of 20 calls failed in 2s"));
}

#[test]
fn a_share_is_what_is_below_it() {
    let (mut machine, id) = half_open(CircuitBreakerConfig {
        probes: 1,
        ramp: secs(10.0),
        ..config()
    });
    end_probe(&mut machine, id, GOOD, at(5.0));
    let now = secs(10.0);
    let chance = machine.admitted_share(now);
    let admission = machine.admit(Moment { now, chance });
    assert!(matches!(admission, Admission::Refused { .. }));
}
