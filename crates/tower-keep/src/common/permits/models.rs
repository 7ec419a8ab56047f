//! Calls that come, wait, go and give up, and a limit that changes, in every order.

use std::{future::poll_fn, sync::Arc};

use super::{Counts, Queue, Room, Slot, queue::in_order};
use crate::common::{
    atomic::{AtomicU32, Relaxed},
    modelling::{join, model, spawn, wait},
};

type Shared = Arc<Room<Queue>>;

/// So many places, all in the stock of the first thread.
fn room(limit: u32, max_queue: u32) -> Shared {
    let room = Room::spread(Queue::new());
    room.configure(limit, max_queue, in_order);
    Arc::new(room)
}

/// Waits until a place is handed over.
fn wait_for(slot: &Slot) {
    wait(poll_fn(|cx| slot.poll_granted(cx)));
}

/// There are so many places and nobody has one or waits for one.
fn all_are_free(room: &Room<Queue>, places: u32) {
    let nobody = Counts {
        running: 0,
        waiting: 0,
    };
    assert_eq!(room.counts(), nobody);
    assert_eq!(room.running(), 0);
    for _ in 0..places {
        assert!(room.try_run(), "a place was lost");
    }
    assert!(!room.try_run(), "there is a place too many");
}

#[test]
fn no_more_than_the_limit_run() {
    model(|| {
        let room = room(1, 0);
        let running = Arc::new(AtomicU32::new(0));
        let call = |room: &Shared, running: &Arc<AtomicU32>| {
            let (room, running) = (room.clone(), running.clone());
            move || {
                if room.try_run() {
                    assert_eq!(running.fetch_add(1, Relaxed), 0);
                    running.fetch_sub(1, Relaxed);
                    room.give_back(in_order);
                }
            }
        };
        let others = [(); 2].map(|()| spawn(call(&room, &running)));
        call(&room, &running)();
        for other in others {
            join(other);
        }
        all_are_free(&room, 1);
    });
}

/// What a call did before it left is seen by the one that takes its place.
#[test]
fn a_place_brings_what_was_done_at_it() {
    model(|| {
        let room = room(1, 0);
        let done = Arc::new(AtomicU32::new(0));
        assert!(room.try_run());
        let other = spawn({
            let (room, done) = (room.clone(), done.clone());
            move || {
                done.store(1, Relaxed);
                room.give_back(in_order);
            }
        });
        if room.try_run() {
            assert_eq!(done.load(Relaxed), 1);
        }
        join(other);
    });
}

/// One place is always free, though it moves from a stock that is looked at later to one that was
/// looked at before.
#[test]
fn a_free_place_is_found_wherever_it_moves() {
    model(|| {
        let room = room(2, 0);
        assert!(room.try_run() && room.try_run());
        room.give_back_to(1, in_order);
        let other = spawn({
            let room = room.clone();
            move || {
                room.give_back_to(0, in_order);
                assert!(room.try_run());
            }
        });
        assert!(room.try_run(), "one is free all the time");
        join(other);
    });
}

/// The last one that waits is woken, however the place comes back.
#[test]
fn who_waits_gets_the_place_that_comes_back() {
    model(|| {
        let room = room(1, 1);
        assert!(room.try_run());
        let other = spawn({
            let room = room.clone();
            move || {
                if !room.try_run() {
                    let slot = room.queue_up((), in_order).expect("nobody else waits");
                    wait_for(&slot);
                }
                room.give_back(in_order);
            }
        });
        room.give_back(in_order);
        join(other);
        all_are_free(&room, 1);
    });
}

#[test]
fn two_that_wait_are_served_by_two_that_leave() {
    model(|| {
        let room = room(1, 2);
        assert!(room.try_run());
        let slots = [(); 2].map(|()| room.queue_up((), in_order).expect("there is room"));
        let other = spawn({
            let (room, first) = (room.clone(), slots[0].clone());
            move || {
                wait_for(&first);
                room.give_back(in_order);
            }
        });
        room.give_back(in_order);
        wait_for(&slots[1]);
        room.give_back(in_order);
        join(other);
        all_are_free(&room, 1);
    });
}

/// Somebody gives up while he is handed the place that he waited for.
#[test]
fn who_gives_up_loses_no_place() {
    model(|| {
        let room = room(1, 1);
        assert!(room.try_run());
        let slot = room.queue_up((), in_order).expect("there is room");
        let other = spawn({
            let room = room.clone();
            move || room.give_back(in_order)
        });
        if !room.give_up(&slot) {
            room.give_back(in_order);
        }
        join(other);
        all_are_free(&room, 1);
    });
}

/// He gives up, and another waits behind him.
#[test]
fn the_next_one_gets_what_is_given_up() {
    model(|| {
        let room = room(1, 2);
        assert!(room.try_run());
        let slots = [(); 2].map(|()| room.queue_up((), in_order).expect("there is room"));
        let leaves = spawn({
            let room = room.clone();
            move || room.give_back(in_order)
        });
        if !room.give_up(&slots[0]) {
            room.give_back(in_order);
        }
        wait_for(&slots[1]);
        room.give_back(in_order);
        join(leaves);
        all_are_free(&room, 1);
    });
}

#[test]
fn a_lower_limit_is_reached_however_calls_come_and_go() {
    model(|| {
        let room = room(2, 0);
        assert!(room.try_run());
        let other = spawn({
            let room = room.clone();
            move || {
                room.give_back(in_order);
                if room.try_run() {
                    room.give_back(in_order);
                }
            }
        });
        room.configure(1, 0, in_order);
        join(other);
        all_are_free(&room, 1);
    });
}

#[test]
fn a_higher_limit_serves_who_waits() {
    model(|| {
        let room = room(0, 1);
        let other = spawn({
            let room = room.clone();
            move || {
                if !room.try_run() {
                    let slot = room.queue_up((), in_order).expect("nobody else waits");
                    wait_for(&slot);
                }
                room.give_back(in_order);
            }
        });
        room.configure(1, 1, in_order);
        join(other);
        all_are_free(&room, 1);
    });
}

/// One that runs beyond the limit, and one that leaves: the debt is paid by whoever leaves last.
#[test]
fn what_is_owed_is_paid() {
    model(|| {
        let room = room(1, 0);
        assert!(room.try_run());
        let other = spawn({
            let room = room.clone();
            move || {
                room.run_anyway(in_order);
                room.give_back(in_order);
            }
        });
        room.give_back(in_order);
        join(other);
        all_are_free(&room, 1);
    });
}

/// An owner goes while its last call ends: the hall is kept, once, and empty.
#[test]
fn the_last_one_out_closes() {
    use super::Owned;
    use crate::observe::Emitter;

    model(|| {
        let owned = Owned::new(64, &Emitter::new("bulkhead"));
        owned.change(1, 0);
        let hall = owned.hall();
        let place = owned.try_take().expect("there is one");
        let other = spawn(move || place.leave(false));
        drop(owned);
        join(other);
        assert_eq!(hall.kept(), 1);
        assert!(!hall.room().try_run());
    });
}
