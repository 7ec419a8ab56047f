use std::{sync::Arc, time::Duration};

use super::{
    CircuitBreakerConfig, Mode, Permit, State, Window, core::Core, front::Front, meter::Meter,
    streak::Streak,
};
use crate::common::{
    modelling::{join, model, spawn, two_at_once, with_room},
    stripe::Stripes,
    window::{Outcome, Ring},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Opens when two calls have failed, for an hour.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        // A step of it is so long that none begins while a model runs.
        window: Window::Time(11 * HOUR),
        failure_rate: None,
        consecutive_failures: Some(2),
        min_calls: 2,
        slow_call: None,
        open_for: HOUR,
        max_open_for: HOUR,
        probes: 1,
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    }
}

/// With room: its windows are large, since each of a model's atomics is.
fn front(config: CircuitBreakerConfig) -> Arc<Front> {
    with_room(move || Front::new(config).expect("in range"))
}

fn admit(front: &Front) -> Permit {
    front.admit().expect("lets calls through")
}

fn state(front: &Front) -> State {
    front.core.look(|machine, now| machine.state_at(now))
}

/// What counts in the present generation: calls, and failures in a row.
fn counted(front: &Front) -> (u64, u32) {
    let generation = front.core.look(|machine, _| machine.gate().generation);
    let (counts, in_a_row) = front.core.counts(generation);
    (counts.total, in_a_row)
}

#[test]
fn two_failures_at_once_are_a_row() {
    model(|| {
        let streak = Arc::new(Streak::new());
        let other = spawn({
            let streak = streak.clone();
            move || streak.lengthen(1)
        });
        let ours = streak.lengthen(1);
        assert_eq!(ours.max(join(other)), 2);
    });
}

/// The meter alone: the whole breaker forgets all words of a window when it opens, in too many orders.
#[test]
fn two_failures_at_once_are_a_rate_in_a_window_of_stripes() {
    model(|| {
        let meter = with_room(|| {
            let config = CircuitBreakerConfig {
                failure_rate: Some(1.0),
                consecutive_failures: None,
                ..config()
            };
            Arc::new(Meter::new(&config, Stripes::new(|_| Ring::new())))
        });
        let fail = |meter: &Meter, stripe| {
            let calls = meter.calls().iter().nth(stripe).expect("there are two");
            let outcome = Outcome {
                bad: true,
                slow: false,
            };
            meter.record(calls, 0, 0, outcome).is_some()
        };
        let other = spawn({
            let meter = meter.clone();
            move || fail(&meter, 1)
        });
        let ours = fail(&meter, 0);
        let theirs = join(other);
        assert!(ours || theirs, "they missed each other");
    });
}

#[test]
fn two_failures_at_once_open_it() {
    let config = CircuitBreakerConfig {
        window: Window::Count(2),
        failure_rate: Some(1.0),
        consecutive_failures: None,
        ..config()
    };
    model(move || {
        let front = front(config.clone());
        let other = spawn({
            let front = front.clone();
            move || admit(&front).failure()
        });
        let permit = admit(&front);
        permit.failure();
        join(other);
        assert_eq!(state(&front), State::Open);
    });
}

/// A call ends while a person resets the breaker.
#[test]
fn a_success_of_an_earlier_generation_does_not_count_in_a_later() {
    model(|| {
        let front = front(config());
        let permit = admit(&front);
        let other = spawn(move || permit.success());
        front.core.reset();
        join(other);
        assert_eq!(counted(&front), (0, 0));
        assert_eq!(state(&front), State::Closed);
    });
}

/// A failure of the first generation ends while one of the second does.
#[test]
fn a_row_of_an_earlier_generation_is_not_continued() {
    model(|| {
        let streak = Arc::new(Streak::new());
        streak.lengthen(1);
        let other = spawn({
            let streak = streak.clone();
            move || streak.lengthen(1)
        });
        streak.clear();
        let first = streak.lengthen(2);
        let late = join(other);
        assert_eq!((first, streak.count(2)), (1, 1));
        assert!(late <= 2);
    });
}

/// A breaker whose open time is over.
fn due() -> Arc<Front> {
    let nanosecond = Duration::from_nanos(1);
    let front = front(CircuitBreakerConfig {
        open_for: nanosecond,
        max_open_for: nanosecond,
        ..config()
    });
    let (first, second) = (admit(&front), admit(&front));
    first.failure();
    second.failure();
    assert_eq!(state(&front), State::HalfOpen);
    front
}

#[test]
fn of_two_calls_at_once_one_is_the_probe() {
    model(|| {
        let front = due();
        let other = spawn({
            let front = front.clone();
            move || front.admit().ok()
        });
        let ours = front.admit().ok();
        let theirs = join(other);
        assert!(ours.is_some() != theirs.is_some(), "one probe");
        drop((ours, theirs));
        // Given up, it makes place for another.
        assert!(front.admit().is_ok());
    });
}

/// The probe closes the breaker while another call comes: that is refused, or it counts.
#[test]
fn a_call_beside_a_good_probe_is_refused_or_counts() {
    model(|| {
        let front = due();
        let probe = admit(&front);
        let other = spawn(move || probe.success());
        let call = front.admit();
        let admitted = call.is_ok();
        if let Ok(permit) = call {
            permit.success();
        }
        join(other);
        assert_eq!(state(&front), State::Closed);
        assert_eq!(counted(&front), (u64::from(admitted), 0));
    });
}

/// A person takes over while the probe fails.
#[test]
fn a_probe_does_not_undo_what_a_person_asks_for() {
    model(|| {
        let front = due();
        let probe = admit(&front);
        let other = spawn(move || probe.failure());
        front.core.set_mode(Mode::ForcedClosed);
        join(other);
        assert_eq!(state(&front), State::Closed);
        assert!(front.admit().is_ok());
    });
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    fn slow(seconds: u64) -> CircuitBreakerConfig {
        CircuitBreakerConfig {
            window: Window::Time(Duration::from_secs(seconds)),
            slow_call: Some(Duration::from_secs(seconds)),
            ..config()
        }
    }
    two_at_once(
        || front(config()).core.clone(),
        [
            |core: &Core| core.configure(slow(1)),
            |core: &Core| core.configure(slow(2)),
        ],
        |core: &Core| {
            let config = core.look(|machine, _| machine.config().clone());
            assert_eq!(core.slow_call(), config.slow_call);
            assert_eq!(core.meter.counts(0, 0).1, config.window);
        },
    );
}
