use std::sync::Arc;

use super::{LAYER, ThrottleConfig, core::Core};
use crate::{
    classify::Class,
    common::modelling::{join, model, spawn, two_at_once},
    observe::Emitter,
};

/// Any call that is not accepted is one too many, from so many calls on.
fn config(min_calls: usize) -> ThrottleConfig {
    ThrottleConfig {
        min_calls,
        k: 1.0,
        ..ThrottleConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Core::new(config(1), Emitter::new(LAYER)),
        [
            |core: &Core| core.configure(config(2)),
            |core: &Core| core.configure(config(3)),
        ],
        |core: &Core| {
            // So many calls that are not accepted are too many, and one fewer are not.
            for calls in 1..=3 {
                core.ended(Class::Overload);
                let expected = calls >= core.config().min_calls;
                assert_eq!(core.look().2 > 0.0, expected);
            }
        },
    );
}

/// Wherever calls are to be held back, the next call looks.
fn assert_heeded(core: &Arc<Core>) {
    let (.., probability) = core.look();
    assert!(probability > 0.0);
    assert!(core.admit_at_once().is_none());
}

/// Two that were not accepted, where one is not enough: the last of them sees both.
#[test]
fn two_failures_at_once_are_seen_together() {
    model(|| {
        let core = Core::new(config(2), Emitter::new(LAYER));
        let other = spawn({
            let core = core.clone();
            move || core.ended(Class::Overload)
        });
        core.ended(Class::Overload);
        join(other);
        assert_heeded(&core);
    });
}

/// One call finds that nothing is to be held back any more, while another is not accepted.
#[test]
fn an_alarm_is_not_lost_with_the_one_before() {
    model(|| {
        let core = Core::new(config(1), Emitter::new(LAYER));
        // There is an alarm, and nothing in the window.
        core.configure(core.config());
        let other = spawn({
            let core = core.clone();
            move || core.ended(Class::Overload)
        });
        fastrand::seed(1);
        drop(core.admit());
        join(other);
        assert_heeded(&core);
    });
}

/// One call finds that nothing is to be held back, while an update says that something is.
#[test]
fn an_update_is_heeded_by_the_next_call() {
    model(|| {
        let patient = ThrottleConfig {
            k: 100.0,
            ..config(1)
        };
        let core = Core::new(patient.clone(), Emitter::new(LAYER));
        core.ended(Class::Success);
        core.ended(Class::Overload);
        core.configure(patient);
        let other = spawn({
            let core = core.clone();
            move || core.configure(config(1))
        });
        fastrand::seed(1);
        drop(core.admit());
        join(other);
        assert_heeded(&core);
    });
}
