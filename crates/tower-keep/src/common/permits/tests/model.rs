//! The room against one that counts on its fingers, over thousands of steps.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use proptest::prelude::*;

use crate::common::permits::{Counts, Queue, Room, Slot, queue::in_order};

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive,
    /// A call ends, on a thread with this stock.
    Leave(usize),
    RunAnyway,
    /// One of those who wait gives up, or runs as it is.
    GiveUp(usize),
    Jump(usize),
    Configure(u32, u32),
    RunAll,
}

/// What there should be: the calls that wait by their numbers.
#[derive(Default)]
struct Model {
    limit: u32,
    max_queue: usize,
    running: u32,
    waiting: VecDeque<usize>,
}

impl Model {
    fn hand_over(&mut self) {
        while self.running < self.limit && self.waiting.pop_front().is_some() {
            self.running += 1;
        }
    }

    fn remove(&mut self, call: usize) {
        self.waiting.retain(|waiting| *waiting != call);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Arrive),
        5 => (0..4_usize).prop_map(Step::Leave),
        1 => Just(Step::RunAnyway),
        2 => any::<usize>().prop_map(Step::GiveUp),
        1 => any::<usize>().prop_map(Step::Jump),
        1 => (0..6_u32, 0..5_u32).prop_map(|(limit, queue)| Step::Configure(limit, queue)),
        1 => Just(Step::RunAll),
    ];
    prop::collection::vec(step, 1..200)
}

fn check(room: &Room<Queue>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    // Everybody who ever waited and did not go by himself, in order.
    let mut slots: Vec<(usize, Arc<Slot>)> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Arrive => {
                if room.try_run() {
                    prop_assert!(model.waiting.is_empty(), "{number} overtook somebody");
                    prop_assert!(model.running < model.limit, "{number} is one too many");
                    model.running += 1;
                } else if let Some(slot) = room.queue_up((), in_order) {
                    prop_assert!(model.waiting.len() < model.max_queue, "{number}");
                    slots.push((number, slot));
                    model.waiting.push_back(number);
                } else {
                    prop_assert!(model.running >= model.limit, "{number} found none");
                    prop_assert!(model.waiting.len() >= model.max_queue, "{number}");
                }
            }
            Step::Leave(thread) => {
                if model.running > 0 {
                    room.give_back_to(thread, in_order);
                    model.running -= 1;
                    model.hand_over();
                }
            }
            Step::RunAnyway => {
                room.run_anyway(in_order);
                model.running += 1;
            }
            Step::GiveUp(which) | Step::Jump(which) => {
                let Some(at) = which.checked_rem(slots.len()) else {
                    continue;
                };
                let (call, slot) = slots.remove(at);
                let waited = model.waiting.contains(&call);
                model.remove(call);
                if matches!(step, Step::Jump(_)) {
                    room.jump(&slot, in_order);
                    model.running += u32::from(waited);
                } else {
                    prop_assert_eq!(room.give_up(&slot), waited, "{}", call);
                }
            }
            Step::Configure(limit, max_queue) => {
                room.configure(limit, max_queue, in_order);
                (model.limit, model.max_queue) = (limit, max_queue as usize);
                model.hand_over();
            }
            Step::RunAll => {
                room.run_all();
                model.running += model.waiting.drain(..).count() as u32;
            }
        }
        let expected = Counts {
            running: model.running,
            waiting: model.waiting.len() as u32,
        };
        prop_assert_eq!(room.counts(), expected, "after {} {:?}", number, step);
        prop_assert_eq!(room.running(), model.running, "after {} {:?}", number, step);
        for (call, slot) in &slots {
            let polled = slot.poll_granted(&Context::from_waker(Waker::noop()));
            let waits = model.waiting.contains(call);
            prop_assert_eq!(polled == Poll::Pending, waits, "{} {:?}", call, step);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn one_stock(steps in steps()) {
        check(&Room::new(Queue::new()), steps)?;
    }

    #[cfg(feature = "bulkhead")]
    #[test]
    fn a_stock_for_each_thread(steps in steps()) {
        check(&Room::spread(Queue::new()), steps)?;
    }
}
