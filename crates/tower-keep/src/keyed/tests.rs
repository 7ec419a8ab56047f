use std::sync::{Arc, OnceLock};

use super::{Keyable, KeyedHandle, entry::Entry, keys::Keys};
use crate::{
    common::{
        atomic::{AtomicU32, Relaxed},
        sync::{self, Mutex},
    },
    config::ConfigError,
    observe::EventKind,
};

/// A layer that says what it is told to say.
struct Told {
    is_idle: bool,
    is_forgettable: bool,
}

impl Keyable for Told {
    type Config = ();
    type Handle = ();

    fn fork(&self, _: &str, (): ()) -> Self {
        Self { ..*self }
    }

    fn is_idle(&self) -> bool {
        self.is_idle
    }

    fn is_forgettable(&self) -> bool {
        self.is_forgettable
    }

    fn steering(&self) {}

    fn configuration(&self) {}

    fn check(&self, (): &()) -> Result<(), ConfigError> {
        Ok(())
    }

    fn configure(&self, (): ()) {}

    fn tell(&self, _: EventKind) {}
}

#[test]
fn a_key_goes_when_nobody_is_at_it_and_nobody_would_notice() {
    // idle, forgettable, a call is at it, epochs since the last, goes
    let table = [
        (true, false, false, 0, true),
        (true, true, true, 9, false),
        (false, true, false, 1, false),
        (false, true, false, 2, true),
        (false, true, true, 2, false),
        (false, false, false, 9, false),
    ];
    for (is_idle, is_forgettable, used, epochs, goes) in table {
        let layer = Told {
            is_idle,
            is_forgettable,
        };
        let entry = Entry::new(Some("key".into()), layer, 5);
        let call = used.then(|| entry.enter(5));
        let case = format!("{is_idle} {is_forgettable} {used} {epochs}");
        assert_eq!(entry.retire(5 + epochs), goes, "{case}");
        drop(call);
        assert_eq!(entry.enter(5).is_none(), goes, "{case}: who comes after");
    }
}

#[test]
fn a_call_makes_a_key_young_again() {
    let layer = Told {
        is_idle: false,
        is_forgettable: true,
    };
    let entry = Entry::new(Some("key".into()), layer, 0);
    drop(entry.enter(7));
    assert!(!entry.retire(8));
    assert!(entry.retire(9));
    assert!(entry.retire(9), "its place is still free for another");
}

/// A layer in whose methods somebody else does something.
struct Hooked {
    key: String,
    config: AtomicU32,
    hook: Arc<Hook>,
}

type Work = fn(&Keys<Hooked>);

#[derive(Default)]
struct Hook {
    keys: OnceLock<Arc<Keys<Hooked>>>,
    next: Mutex<Option<Work>>,
}

impl Hooked {
    fn keys() -> Arc<Keys<Self>> {
        let hook = Arc::new(Hook::default());
        let keys = Keys::new(Self {
            key: String::new(),
            config: AtomicU32::new(0),
            hook: hook.clone(),
        });
        assert!(hook.keys.set(keys.clone()).is_ok());
        keys
    }

    fn run_hook(&self) {
        if self.key != "a" {
            return;
        }
        let next = sync::lock(&self.hook.next).take();
        if let Some(work) = next {
            work(self.hook.keys.get().unwrap());
        }
    }
}

impl Keyable for Hooked {
    type Config = u32;
    type Handle = String;

    fn fork(&self, key: &str, config: u32) -> Self {
        Self {
            key: key.to_owned(),
            config: AtomicU32::new(config),
            hook: self.hook.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        true
    }

    fn steering(&self) -> String {
        self.run_hook();
        self.key.clone()
    }

    fn configuration(&self) -> u32 {
        self.config.load(Relaxed)
    }

    fn check(&self, _: &u32) -> Result<(), ConfigError> {
        Ok(())
    }

    fn configure(&self, config: u32) {
        self.run_hook();
        self.config.store(config, Relaxed);
    }

    fn tell(&self, _: EventKind) {}
}

fn hook(keys: &Keys<Hooked>, next: fn(&Keys<Hooked>)) {
    let template = keys.template();
    *sync::lock(&template.hook.next) = Some(next);
}

#[test]
fn a_key_does_not_go_while_its_handle_is_made() {
    let keys = Hooked::keys();
    keys.set_max_keys(1);
    drop(keys.pick(Some("a")));
    hook(&keys, |keys| drop(keys.pick(Some("b"))));
    let handle = KeyedHandle::new(keys.clone()).get("a");
    assert_eq!(handle.as_deref(), Some("a"));
    assert_eq!((keys.evicted(), keys.overflowed()), (0, 1));
    assert!(
        keys.get("a").is_some(),
        "the handle is of the key that is there"
    );
}

#[test]
fn a_key_keeps_its_own_configuration_though_all_get_another_at_once() {
    let keys = Hooked::keys();
    drop(keys.pick(Some("a")));
    hook(&keys, |keys| keys.configure_key("a", Some(9)).unwrap());
    keys.configure(1).unwrap();
    assert_eq!(keys.get("a").unwrap().layer.configuration(), 9);
    hook(&keys, |keys| keys.configure(2).unwrap());
    keys.configure_key("a", None).unwrap();
    assert_eq!(keys.get("a").unwrap().layer.configuration(), 2);
}
