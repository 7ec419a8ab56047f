use std::sync::Arc;

use super::{
    LoadShedConfig, Permit,
    arrival::{Admission, Call},
    shared::Shared,
    wait::{Wait, Waiter},
};
use crate::common::modelling::{join, join_all, model, spawn, timers, two_at_once, wait};

fn config(max_concurrent: usize) -> LoadShedConfig {
    LoadShedConfig::new(max_concurrent)
}

fn arrive(shared: &Arc<Shared>) -> Admission {
    shared.arrive(&Call {
        priority: None,
        tenant: None,
        exempt: false,
    })
}

fn run(shared: &Arc<Shared>) -> Permit {
    match arrive(shared) {
        Admission::Permit(permit) => permit,
        Admission::Wait(waiter) => wait(Wait::new(waiter)).expect("nobody sheds it"),
        Admission::Refused(rejection) => panic!("{rejection}"),
    }
}

fn queue(shared: &Arc<Shared>) -> Waiter {
    match arrive(shared) {
        Admission::Wait(waiter) => waiter,
        _ => panic!("all places are taken"),
    }
}

fn assert_empty(shared: &Shared) {
    let counts = shared.counts();
    assert_eq!((counts.running, counts.waiting), (0, 0));
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Shared::new(config(1))),
        [
            |shared: &Arc<Shared>| shared.configure(config(2)),
            |shared: &Arc<Shared>| shared.configure(config(3)),
        ],
        |shared: &Arc<Shared>| {
            let limit = shared.gate().limit() as usize;
            assert_eq!(limit, shared.config().max_concurrent);
        },
    );
}

#[test]
fn who_comes_while_the_last_place_is_given_back_gets_it() {
    let _timers = timers();
    model(|| {
        let shared = Shared::new(config(1));
        let permit = run(&shared);
        let leaving = spawn(move || drop(permit));
        drop(run(&shared));
        join(leaving);
        assert_empty(&shared);
    });
}

#[test]
fn no_more_run_than_may() {
    let _timers = timers();
    model(|| {
        let shared = Shared::new(config(1));
        let other = spawn({
            let shared = shared.clone();
            move || {
                let _permit = run(&shared);
                assert_eq!(shared.counts().running, 1);
            }
        });
        let permit = run(&shared);
        assert_eq!(shared.counts().running, 1);
        drop(permit);
        join(other);
        assert_empty(&shared);
    });
}

/// A place goes past one who gives up, to the next.
#[test]
fn a_place_is_not_lost_with_one_who_gives_up() {
    let _timers = timers();
    model(|| {
        let shared = Shared::new(config(1));
        let permit = run(&shared);
        let (one, two) = (queue(&shared), queue(&shared));
        let others = [spawn(move || drop(permit)), spawn(move || drop(one))];
        drop(wait(Wait::new(two)).expect("nobody sheds it"));
        join_all(others);
        assert_empty(&shared);
    });
}

#[test]
fn who_comes_while_the_limit_is_raised_is_not_left_behind() {
    let _timers = timers();
    model(|| {
        let shared = Shared::new(config(1));
        let permit = run(&shared);
        let steering = spawn({
            let shared = shared.clone();
            move || shared.configure(config(2))
        });
        drop(run(&shared));
        join(steering);
        drop(permit);
        assert_empty(&shared);
    });
}
