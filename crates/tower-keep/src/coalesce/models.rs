use std::{future::poll_fn, sync::Arc};

use super::{
    CoalesceConfig,
    board::{Arrival, Board, Go, Lead, Waiter},
    shared::Live,
};
use crate::common::modelling::{join, join_all, model, spawn, two_at_once, wait};

fn board() -> Arc<Board<u64>> {
    let live = Live::new(CoalesceConfig::default()).expect("it is valid");
    Arc::new(Board::new(Arc::new(live)))
}

fn lead(board: &Arc<Board<u64>>) -> Lead<u64> {
    match board.arrive(b"key".to_vec()) {
        Arrival::Lead(lead) => lead,
        Arrival::Wait(_) | Arrival::Alone => panic!("somebody leads"),
    }
}

fn join_in(board: &Arc<Board<u64>>) -> Waiter<u64> {
    match board.arrive(b"key".to_vec()) {
        Arrival::Wait(waiter) => waiter,
        Arrival::Lead(_) | Arrival::Alone => panic!("nobody leads"),
    }
}

fn go(mut waiter: Waiter<u64>) -> Go<u64> {
    wait(poll_fn(move |cx| waiter.poll_turn(cx)))
}

/// What a call does; answers what it was given, or 0 if it asked the service itself.
fn call(arrival: Arrival<u64>, answer: u64) -> u64 {
    let lead = match arrival {
        Arrival::Lead(lead) => lead,
        Arrival::Alone => return 0,
        Arrival::Wait(waiter) => match go(waiter) {
            Go::Answer(answer) => return *answer,
            Go::Alone => return 0,
            Go::Lead(lead) => lead,
        },
    };
    lead.finish(answer);
    0
}

fn assert_empty(board: &Board<u64>) {
    let counts = board.live.counts();
    assert_eq!((counts.in_flight, counts.waiting), (0, 0));
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Live::new(CoalesceConfig::default()).expect("it is valid")),
        [
            |live: &Live| {
                let config = CoalesceConfig {
                    enabled: false,
                    ..CoalesceConfig::default()
                };
                live.update(config).expect("it is valid");
            },
            |live: &Live| live.update(CoalesceConfig::default()).expect("it is valid"),
        ],
        |live: &Live| assert_eq!(live.is_enabled(), live.settings().config.enabled),
    );
}

/// Who comes while the answer does gets it, or asks anew; nobody waits for ever.
#[test]
fn an_answer_reaches_those_who_joined_in_time() {
    model(|| {
        let board = board();
        let (lead, first) = (lead(&board), join_in(&board));
        let leader = spawn(move || lead.finish(7));
        let late = spawn({
            let board = board.clone();
            move || call(board.arrive(b"key".to_vec()), 9)
        });
        assert!(matches!(go(first), Go::Answer(answer) if *answer == 7));
        assert!([0, 7].contains(&join(late)));
        join(leader);
        assert_empty(&board);
    });
}

#[test]
fn of_two_calls_at_once_both_are_answered() {
    model(|| {
        let board = board();
        let other = spawn({
            let board = board.clone();
            move || call(board.arrive(b"key".to_vec()), 1)
        });
        let (one, two) = (call(board.arrive(b"key".to_vec()), 2), join(other));
        assert!(matches!((one, two), (0 | 1, 0) | (0, 2)), "{one} {two}");
        assert_empty(&board);
    });
}

/// The lead of a call that is given up goes to one who waits, also while others give up.
#[test]
fn a_lead_that_is_dropped_is_handed_on() {
    model(|| {
        let board = board();
        let (lead, one, two) = (lead(&board), join_in(&board), join_in(&board));
        let gone = [spawn(move || drop(lead)), spawn(move || drop(one))];
        match go(two) {
            Go::Lead(lead) => lead.finish(1),
            Go::Answer(_) | Go::Alone => panic!("nobody has answered"),
        }
        join_all(gone);
        assert_empty(&board);
    });
}

#[test]
fn who_waits_gets_the_answer_of_the_second_leader() {
    model(|| {
        let board = board();
        let (lead, one, two) = (lead(&board), join_in(&board), join_in(&board));
        let leader = spawn(move || drop(lead));
        let first = spawn(move || call(Arrival::Wait(one), 5));
        let (second, first) = (call(Arrival::Wait(two), 6), join(first));
        join(leader);
        assert!(matches!((first, second), (0, 5)), "{first} {second}");
        assert_empty(&board);
    });
}
