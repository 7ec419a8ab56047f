use std::{sync::Arc, time::Duration};

use super::{Delay, HedgeConfig, Observed, histogram::Histogram, pace::Pace, shared::Shared};
use crate::common::{
    clock,
    modelling::{join, join_all, model, spawn, two_at_once, with_room},
};

fn config(enabled: bool, max_replay_bytes: usize) -> HedgeConfig {
    HedgeConfig {
        enabled,
        max_replay_bytes,
        ..HedgeConfig::default()
    }
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || with_room(|| Arc::new(Shared::new(config(true, 10)).expect("it is valid"))),
        [
            |shared: &Shared| shared.update(config(false, 20)).expect("it is valid"),
            |shared: &Shared| shared.update(config(true, 30)).expect("it is valid"),
        ],
        |shared: &Shared| {
            let config = shared.config();
            assert_eq!(shared.hedges(), config.hedges());
            assert_eq!(shared.max_replay_bytes(), config.max_replay_bytes);
        },
    );
}

/// As few buckets as there can be: what is at once, and the rest.
const FEW: usize = 2;
const LONG: Duration = Duration::from_secs(1);

#[test]
fn calls_that_end_at_once_are_all_known() {
    model(|| {
        let histogram = Arc::new(Histogram::<FEW>::new());
        let calls = [true, false].map(|at_once| {
            let histogram = histogram.clone();
            spawn(move || match at_once {
                true => histogram.record_at_once(),
                false => histogram.record(LONG),
            })
        });
        histogram.record(LONG);
        let (known, _) = histogram.quantile(0.5);
        assert!((1..=3).contains(&known));
        join_all(calls);
        assert_eq!(histogram.quantile(0.5).0, 3);
    });
}

#[test]
fn a_new_generation_forgets_none_of_the_one_before() {
    model(|| {
        let histogram = Arc::new(Histogram::<FEW>::new());
        histogram.record_at_once();
        histogram.record(LONG);
        let rotating = spawn({
            let histogram = histogram.clone();
            move || histogram.rotate()
        });
        // Comes too early or too late for the new one; never twice, and never to what was there.
        histogram.record(LONG);
        let (known, _) = histogram.quantile(0.5);
        assert!((2..=3).contains(&known), "{known}");
        join(rotating);
        assert!((2..=3).contains(&histogram.quantile(0.5).0));
    });
}

fn observed() -> Delay {
    Delay::Observed(Observed {
        min_samples: 1,
        ..Observed::default()
    })
}

/// Begins to wait; whether it had to work the delay out.
fn works_it_out(pace: &Pace<FEW>, now: clock::Instant) -> bool {
    let mut works = false;
    let delay = pace.delay(now, || {
        works = true;
        observed()
    });
    assert!(delay.is_some());
    works
}

#[test]
fn one_of_two_calls_works_the_delay_out() {
    let now = clock::now();
    model(move || {
        let pace = Arc::new(Pace::<FEW>::new(observed()));
        let other = spawn({
            let pace = pace.clone();
            move || works_it_out(&pace, now)
        });
        let one = works_it_out(&pace, now);
        assert!(one != join(other));
    });
}

#[test]
fn what_was_learned_before_does_not_replace_a_new_configuration() {
    let now = clock::now();
    model(move || {
        let pace = Arc::new(Pace::<FEW>::new(observed()));
        pace.answered_at_once();
        let call = spawn({
            let pace = pace.clone();
            move || pace.delay(now, observed)
        });
        pace.configure(Delay::Fixed(LONG));
        join(call);
        assert_eq!(pace.known().0, Some(LONG));
    });
}
