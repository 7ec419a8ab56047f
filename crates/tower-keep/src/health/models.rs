use super::{LAYER, Lifecycle, LifecycleConfig};
use crate::{
    common::modelling::{join_all, model, spawn, wait},
    observe::Emitter,
};

fn lifecycle() -> Lifecycle {
    Lifecycle::new(LifecycleConfig::default(), Emitter::new(LAYER))
}

/// The last call ends and somebody says stop: one of them wakes who waits for both.
#[test]
fn whoever_waits_for_the_end_is_woken() {
    model(|| {
        let lifecycle = lifecycle();
        lifecycle.ready();
        let call = lifecycle.track();
        let others = [
            spawn(move || drop(call)),
            spawn({
                let lifecycle = lifecycle.clone();
                move || lifecycle.stop()
            }),
        ];
        wait(lifecycle.idle());
        assert_eq!(lifecycle.in_flight(), 0);
        join_all(others);
    });
}

#[test]
fn two_calls_that_end_at_once_are_both_counted_and_one_is_the_last() {
    model(|| {
        let lifecycle = lifecycle();
        lifecycle.ready();
        let calls = [lifecycle.track(), lifecycle.track()];
        lifecycle.stop();
        let ends = calls.map(|call| spawn(move || drop(call)));
        wait(lifecycle.idle());
        join_all(ends);
        assert_eq!((lifecycle.in_flight(), lifecycle.finished()), (0, 2));
    });
}
