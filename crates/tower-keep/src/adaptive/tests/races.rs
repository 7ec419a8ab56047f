//! What happens between the two halves of a step.

use std::{
    pin::pin,
    sync::{Arc, Barrier},
    task::{Context, Poll, Waker},
};

use crate::{
    adaptive::{
        AdaptiveConfig, Permit,
        core::{Admission, Core},
        partition::Tag,
    },
    common::permits::Wait,
    rejection::Kind,
};

fn core(config: AdaptiveConfig) -> Arc<Core> {
    Core::new(config, None).unwrap()
}

fn permit(core: &Arc<Core>, tag: Tag) -> Permit {
    match core.arrive(tag) {
        Admission::Permit(permit) => permit,
        _ => panic!("there is a place"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_of_ones_own_that_is_given_back_while_one_queues_up_is_found() {
    let core = core(AdaptiveConfig {
        initial_limit: 4,
        max_limit: 4,
        queue_from: 1.0,
        queue_to: 1.0,
        partitions: [("ours".to_owned(), 50)].into(),
        ..AdaptiveConfig::server()
    });
    let ours = core.partitions.find("ours");
    let _others = [(); 4].map(|()| permit(&core, None));
    let [_stays, leaves] = [(); 2].map(|()| permit(&core, ours));
    // No place: it is going to wait, when one of its own ends.
    core.partitions.waits(ours);
    drop(leaves);
    let kind = Kind::ConcurrencyLimited { limit: 4 };
    let Admission::Wait(waiter) = core.queue_up(ours, kind) else {
        panic!("all places are taken");
    };
    let cx = &mut Context::from_waker(Waker::noop());
    let polled = pin!(Wait::new(waiter)).poll(cx);
    assert!(matches!(polled, Poll::Ready(Ok(_))));
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    let config = |limit| AdaptiveConfig {
        initial_limit: limit,
        min_limit: limit,
        max_limit: limit,
        queue_to: limit as f64,
        partitions: [("ours".to_owned(), limit as u8)].into(),
        ..AdaptiveConfig::server()
    };
    let core = core(config(10));
    let barrier = Barrier::new(2);
    let update = |limits: [usize; 2]| {
        for round in 0..2000 {
            barrier.wait();
            core.update(&config(limits[round % 2])).unwrap();
            barrier.wait();
            let now = core.config();
            assert_eq!(core.places.limit() as usize, now.max_limit, "{round}");
            let queue = now.queue_to as usize * now.max_limit;
            assert_eq!(core.places.max_queue() as usize, queue, "{round}");
            let share = core.partitions.snapshot()[0].share;
            assert_eq!(
                share,
                (now.max_limit * now.max_limit / 100).max(1),
                "{round}"
            );
            barrier.wait();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| update([20, 40]));
        update([30, 50]);
    });
}
