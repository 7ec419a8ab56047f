use std::sync::Arc;

use super::{Keyable, entry::Entry, keys::Keys};
use crate::{
    common::{
        atomic::{AtomicU32, Relaxed},
        modelling::{join, model, spawn, two_at_once},
    },
    config::ConfigError,
    observe::EventKind,
};

/// A layer that remembers calls: it is idle until the first.
#[derive(Default)]
struct Counter {
    calls: AtomicU32,
    config: AtomicU32,
}

impl Keyable for Counter {
    type Config = u32;
    type Handle = ();

    fn fork(&self, _: &str, config: u32) -> Self {
        Self {
            calls: AtomicU32::new(0),
            config: AtomicU32::new(config),
        }
    }

    fn is_idle(&self) -> bool {
        self.calls.load(Relaxed) == 0
    }

    fn steering(&self) {}

    fn configuration(&self) -> u32 {
        self.config.load(Relaxed)
    }

    fn check(&self, _: &u32) -> Result<(), ConfigError> {
        Ok(())
    }

    fn configure(&self, config: u32) {
        self.config.store(config, Relaxed);
    }

    fn tell(&self, _: EventKind) {}
}

fn keys() -> Arc<Keys<Counter>> {
    Keys::new(Counter::default())
}

/// A call at a key, which its layer remembers.
fn call(keys: &Keys<Counter>, key: &str) -> bool {
    let entry = keys.pick(Some(key));
    entry.layer.calls.fetch_add(1, Relaxed);
    entry.key.is_some()
}

/// What a call did to a layer is not forgotten: its key stays, or it never came.
#[test]
fn an_entry_does_not_go_while_a_call_is_at_it_or_after_it_left_a_mark() {
    model(|| {
        let entry = Entry::new(Some("key".into()), Counter::default(), 0);
        let caller = spawn({
            let entry = entry.clone();
            move || {
                let user = entry.enter(0);
                if let Some(user) = &user {
                    user.layer.calls.store(1, Relaxed);
                }
                user.is_some()
            }
        });
        let goes = entry.retire(0);
        assert!(!(join(caller) && goes), "a call was forgotten");
    });
}

/// Whoever is turned away at an entry that is looked at leaves it as it was.
#[test]
fn an_entry_that_stays_takes_calls_again() {
    model(|| {
        let entry = Entry::new(Some("key".into()), Counter::default(), 0);
        entry.layer.calls.store(1, Relaxed);
        let caller = spawn({
            let entry = entry.clone();
            move || drop(entry.enter(0))
        });
        assert!(!entry.retire(0), "its layer is not idle");
        join(caller);
        drop(entry.enter(0).expect("it stays"));
        entry.layer.calls.store(0, Relaxed);
        assert!(entry.retire(0), "nobody is at it any more");
    });
}

#[test]
fn two_calls_with_a_new_key_find_the_same_layer() {
    model(|| {
        let keys = keys();
        let other = keys.clone();
        let other = spawn(move || call(&other, "a"));
        call(&keys, "a");
        join(other);
        assert_eq!(keys.len(), 1);
        let entry = keys.get("a").expect("it was not idle");
        assert_eq!(entry.layer.calls.load(Relaxed), 2);
    });
}

/// A key that is evicted by another takes no call along.
#[test]
fn no_call_is_counted_at_a_key_that_is_gone() {
    model(|| {
        let keys = keys();
        keys.set_max_keys(1);
        drop(keys.pick(Some("a")));
        let other = keys.clone();
        let other = spawn(move || call(&other, "b"));
        let kept = [call(&keys, "a"), join(other)];
        let calls = |key| keys.get(key).map(|entry| entry.layer.calls.load(Relaxed));
        let shared = keys.template().calls.load(Relaxed);
        let own = calls("a").unwrap_or(0) + calls("b").unwrap_or(0);
        assert_eq!((keys.len(), own + shared), (1, 2));
        assert_eq!(kept.iter().filter(|own| **own).count() as u32, own);
    });
}

#[test]
fn a_key_that_is_new_during_an_update_gets_it() {
    model(|| {
        let keys = keys();
        let other = keys.clone();
        let other = spawn(move || drop(other.pick(Some("a"))));
        keys.configure(1).expect("it is valid");
        join(other);
        let entry = keys.get("a").expect("there is room");
        assert_eq!(entry.layer.configuration(), 1);
    });
}

#[test]
fn of_two_updates_at_once_one_is_in_force_everywhere() {
    two_at_once(
        || {
            let keys = keys();
            drop(keys.pick(Some("a")));
            keys
        },
        [
            |keys: &Keys<Counter>| keys.configure(1).expect("it is valid"),
            |keys: &Keys<Counter>| keys.configure(2).expect("it is valid"),
        ],
        |keys: &Keys<Counter>| {
            let entry = keys.get("a").expect("there is room");
            let config = entry.layer.configuration();
            assert_eq!(config, keys.template().configuration());
        },
    );
}

#[test]
fn a_key_gets_its_own_configuration_though_all_get_another() {
    two_at_once(
        || {
            let keys = keys();
            drop(keys.pick(Some("a")));
            keys
        },
        [
            |keys: &Keys<Counter>| keys.configure(1).expect("it is valid"),
            |keys: &Keys<Counter>| keys.configure_key("a", Some(9)).expect("it is valid"),
        ],
        |keys: &Keys<Counter>| {
            let entry = keys.get("a").expect("there is room");
            assert_eq!(entry.layer.configuration(), 9);
        },
    );
}
