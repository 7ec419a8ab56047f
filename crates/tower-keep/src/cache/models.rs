use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::{CacheConfig, entry::Entry, shared::Shared, state::Freshness, store::Store};
use crate::common::{
    answer::Answer,
    atomic::{AtomicU64, Relaxed},
    clock,
    modelling::{join, model, spawn, two_at_once},
};

fn config(enabled: bool) -> CacheConfig {
    CacheConfig {
        enabled,
        ..CacheConfig::default()
    }
}

fn entry() -> Entry {
    let freshness = Freshness {
        lifetime: 60,
        initial_age: 0,
        while_revalidating: 0,
        if_error: 0,
        must_revalidate: false,
        no_cache: false,
        for_anybody: true,
    };
    let answer = Answer::new(StatusCode::OK, HeaderMap::new(), Bytes::new());
    Entry::new(Arc::new(answer), freshness, clock::now())
}

#[test]
fn of_two_updates_at_once_one_is_in_force_and_all_of_it() {
    two_at_once(
        || Arc::new(Shared::new(config(true)).expect("it is valid")),
        [
            |shared: &Shared| shared.update(config(false)).expect("it is valid"),
            |shared: &Shared| shared.update(config(true)).expect("it is valid"),
        ],
        |shared: &Shared| assert_eq!(shared.is_enabled(), shared.config().enabled),
    );
}

#[test]
fn what_was_asked_for_before_an_invalidation_is_not_kept_after() {
    model(|| {
        let store = Arc::new(Store::new(1 << 20, 1 << 10));
        let asked_at = store.epoch(b"key");
        let other = store.clone();
        let other = spawn(move || other.invalidate(b"key"));
        store.put(b"key", &HeaderMap::new(), entry(), asked_at);
        join(other);
        assert!(store.get(b"key", &HeaderMap::new()).is_none());
    });
}

#[test]
fn one_asks_whether_an_entry_is_good_and_the_next_sees_what_came_of_it() {
    model(|| {
        let entry = Arc::new(entry());
        let asked = Arc::new(AtomicU64::new(0));
        let ask = |entry: Arc<Entry>, asked: Arc<AtomicU64>| {
            let right = entry.refresh();
            if right.is_some() {
                // Not in one step: another with the right at the same time would be lost.
                asked.store(asked.load(Relaxed) + 1, Relaxed);
            }
            u64::from(right.is_some())
        };
        let other = spawn({
            let (entry, asked) = (entry.clone(), asked.clone());
            move || ask(entry, asked)
        });
        let times = ask(entry, asked.clone()) + join(other);
        assert_eq!(asked.load(Relaxed), times);
        assert_ne!(times, 0);
    });
}
