use std::sync::Arc;

use super::{
    DetachConfig,
    shared::{Live, Shared},
};
use crate::common::{
    atomic::{AtomicU64, Relaxed},
    modelling::{join, join_all, model, spawn, two_at_once, wait},
};

fn config(max_detached: usize, after_deadline: bool) -> DetachConfig {
    DetachConfig {
        max_detached,
        after_deadline,
        ..DetachConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Shared::new(config(1, true)).live,
        [
            |live: &Live| live.configure(config(2, true)),
            |live: &Live| live.configure(config(3, false)),
        ],
        |live: &Live| {
            let now = live.config();
            assert!(
                [config(2, true), config(3, false)].contains(&now),
                "{now:?}"
            );
        },
    );
}

#[test]
fn whoever_waits_for_the_last_call_is_woken_and_sees_what_it_did() {
    model(|| {
        let live = Shared::new(config(2, true)).live;
        let done = Arc::new(AtomicU64::new(0));
        let calls = [1, 16].map(|work| {
            let place = live.place().expect("there is room");
            let done = done.clone();
            spawn(move || {
                done.store(done.load(Relaxed) + work, Relaxed);
                drop(place);
            })
        });
        wait(live.idle());
        assert_eq!(live.detached(), 0);
        assert_ne!(done.load(Relaxed), 0);
        join_all(calls);
    });
}

#[test]
fn no_more_go_on_than_may() {
    model(|| {
        let live = Shared::new(config(1, true)).live;
        let work = |live: Arc<Live>| {
            let place = live.place();
            let is_alone = place.is_none() || live.detached() == 1;
            drop(place);
            is_alone
        };
        let other = spawn({
            let live = live.clone();
            move || work(live)
        });
        assert!(work(live.clone()));
        assert!(join(other));
        assert_eq!(live.detached(), 0);
        assert!(live.total() + live.dropped() == 2 && live.total() > 0);
    });
}
