//! The room alone: as tables, against a model, and what is kept of it.

mod model;

use std::sync::Arc;

use super::{Counts, Queue, Room, Slot, queue::in_order};

const fn counts(running: u32, waiting: u32) -> Counts {
    Counts { running, waiting }
}

/// A room of so many places with these counts.
fn room(now: Counts, limit: u32, max_queue: u32) -> Room<Queue> {
    let room = Room::new(Queue::new());
    room.configure(limit, now.waiting, in_order);
    for _ in 0..now.running {
        room.run_anyway(in_order);
    }
    for _ in 0..now.waiting {
        room.queue_up((), in_order).expect("there is room");
    }
    room.configure(limit, max_queue, in_order);
    room
}

/// What a call does that asks for a place.
#[derive(Debug, PartialEq)]
enum Arrival {
    Run,
    Wait,
    Refuse,
}

fn arrive(room: &Room<Queue>) -> Arrival {
    match () {
        () if room.try_run() => Arrival::Run,
        () if room.queue_up((), in_order).is_some() => Arrival::Wait,
        () => Arrival::Refuse,
    }
}

#[test]
fn a_call_runs_waits_or_is_refused() {
    // (running, waiting), limit, max_queue, what happens, counts
    let table = [
        (counts(0, 0), 1, 0, Arrival::Run, counts(1, 0)),
        (counts(1, 0), 1, 0, Arrival::Refuse, counts(1, 0)),
        (counts(1, 0), 1, 1, Arrival::Wait, counts(1, 1)),
        (counts(1, 1), 1, 1, Arrival::Refuse, counts(1, 1)),
        (counts(0, 0), 0, 0, Arrival::Refuse, counts(0, 0)),
        (counts(0, 0), 0, 1, Arrival::Wait, counts(0, 1)),
        // The limit was lowered.
        (counts(5, 0), 2, 1, Arrival::Wait, counts(5, 1)),
        (counts(5, 0), 2, 0, Arrival::Refuse, counts(5, 0)),
    ];
    for (before, limit, max_queue, expected, after) in table {
        let room = room(before, limit, max_queue);
        assert_eq!(room.counts(), before);
        assert_eq!(arrive(&room), expected, "{before:?} of {limit}");
        assert_eq!(room.counts(), after, "{before:?} of {limit}");
    }
}

#[test]
fn a_place_goes_to_the_next_only_under_the_limit() {
    let table = [
        (counts(1, 0), 1, counts(0, 0)),
        (counts(1, 1), 1, counts(1, 0)),
        (counts(1, 2), 1, counts(1, 1)),
        // Too many run.
        (counts(3, 1), 2, counts(2, 1)),
    ];
    for (before, limit, after) in table {
        let room = room(before, limit, before.waiting);
        room.give_back(in_order);
        assert_eq!(room.counts(), after, "{before:?} of {limit}");
    }
}

#[test]
fn a_limit_that_rises_lets_in_who_waits_and_none_else() {
    let room = room(counts(1, 3), 1, 3);
    room.configure(3, 3, in_order);
    assert_eq!(room.counts(), counts(3, 1));
    assert!(!room.try_run(), "somebody waits");
    room.configure(u32::MAX, 3, in_order);
    assert_eq!(room.counts(), counts(4, 0));
    assert!(room.try_run());
    room.configure(2, 0, in_order);
    assert_eq!(room.counts(), counts(5, 0));
}

#[test]
fn who_gives_up_too_late_has_a_place() {
    let room = room(counts(1, 0), 1, 2);
    let [first, second] = [(); 2].map(|()| room.queue_up((), in_order).expect("there is room"));
    room.give_back(in_order);
    assert!(!room.give_up(&first), "he was handed one");
    assert_eq!(room.counts(), counts(1, 1));
    assert!(room.give_up(&second) && !room.give_up(&second));
    assert_eq!(room.counts(), counts(1, 0));
}

#[cfg(feature = "bulkhead")]
mod lasting {
    use super::*;
    use crate::{common::permits::Owned, observe::Emitter};

    fn owned(limit: u32) -> Owned {
        let owned = Owned::new(limit, &Emitter::new("bulkhead"));
        owned.change(limit, 1);
        owned
    }

    fn is_same(one: &Owned, room: *const Room<Queue>) -> bool {
        std::ptr::eq::<Room<Queue>>(&**one, room)
    }

    #[test]
    fn a_room_is_kept_until_its_last_place_is_back() {
        // A number of places that no other test has a room for.
        let first = owned(2);
        let room: *const Room<Queue> = &*first;
        let [one, other] = [(); 2].map(|()| first.try_take().expect("a place is free"));
        assert!(first.try_take().is_none());
        first.count_refused();
        drop(first);
        one.leave(false);
        // Others take rooms at the same time: only that it is not this one is certain.
        assert!(!is_same(&owned(2), room), "a place is out");
        other.leave(false);
    }

    #[test]
    fn a_room_that_is_used_again_is_as_new() {
        for _ in 0..100 {
            let owned = owned(64);
            assert_eq!((owned.counts(), owned.refused()), (counts(0, 0), 0));
            let places: Vec<_> = std::iter::from_fn(|| owned.try_take()).collect();
            assert_eq!(places.len(), 64);
            owned.count_refused();
            let waiting: Arc<Slot> = owned.queue_up_in_order().expect("there is room");
            assert!(owned.give_up(&waiting));
            let owner = (places.len() % 2 == 0).then_some(owned);
            drop(owner);
            places.into_iter().for_each(|place| place.leave(false));
        }
    }
}

#[test]
fn those_who_wait_are_known_by_their_tags_and_who_is_refused_by_number() {
    let room = Room::new(Queue::new());
    assert_eq!(room.lock().first(), None);
    room.configure(0, 3, in_order);
    for tag in ['a', 'b', 'b'] {
        room.queue_up(tag, in_order).expect("there is room");
    }
    assert_eq!((room.waiting(), room.limit(), room.max_queue()), (3, 0, 3));
    let queue = room.lock();
    assert_eq!(queue.first(), Some(&'a'));
    let places = ['a', 'b', 'c'].map(|tag| queue.position(|of| *of == tag));
    assert_eq!(places, [Some(0), Some(1), None]);
    drop(queue);
    for refused in 0..3 {
        assert_eq!(room.refused(), refused);
        room.count_refused();
    }
    room.forget_refused();
    assert_eq!(room.refused(), 0);
}

/// Two that have both seen that there is room for one.
#[test]
fn who_comes_second_under_the_lock_finds_no_room() {
    for _ in 0..200 {
        let room = Room::new(Queue::new());
        room.configure(0, 1, in_order);
        let begin = std::sync::Barrier::new(3);
        let waiting = std::thread::scope(|scope| {
            let arrive = || {
                begin.wait();
                room.queue_up((), in_order).is_some()
            };
            let threads = [(); 2].map(|()| scope.spawn(arrive));
            let locked = room.lock();
            begin.wait();
            for _ in 0..50 {
                std::thread::yield_now();
            }
            drop(locked);
            threads.map(|thread| thread.join().expect("does not panic"))
        });
        assert!(waiting[0] != waiting[1], "{waiting:?}");
    }
}

#[cfg(feature = "bulkhead")]
#[test]
fn a_room_has_one_stock_or_one_for_each_core() {
    assert!(!Room::<Queue>::new(Queue::new()).is_spread());
    let spread = Room::<Queue>::spread(Queue::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(spread.is_spread(), cores > 1);
}
