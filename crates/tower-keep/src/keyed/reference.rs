//! Keys against a plain list of those that there are: which one goes, and which never does.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{Keyable, entry::Use, keys::Keys};
use crate::{
    common::{
        atomic::{AtomicBool, Relaxed},
        clock,
    },
    config::ConfigError,
    observe::EventKind,
};

/// A layer that is idle until it is marked, and forgettable in any case.
#[derive(Default)]
struct Marked(AtomicBool);

impl Keyable for Marked {
    type Config = ();
    type Handle = ();

    fn fork(&self, _: &str, (): ()) -> Self {
        Self::default()
    }

    fn is_idle(&self) -> bool {
        !self.0.load(Relaxed)
    }

    fn is_forgettable(&self) -> bool {
        true
    }

    fn steering(&self) {}

    fn configuration(&self) {}

    fn check(&self, (): &()) -> Result<(), ConfigError> {
        Ok(())
    }

    fn configure(&self, (): ()) {}

    fn tell(&self, _: EventKind) {}
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call with a key, which leaves a mark or not.
    Call(u8, bool),
    /// The call at this place, modulo how many there are, is over.
    End(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..12_u8, any::<bool>()).prop_map(|(key, marks)| Step::Call(key, marks)),
        5 => any::<usize>().prop_map(Step::End),
        2 => (0..700_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..1000)
}

/// What a plain list knows of a key.
struct Known {
    key: u8,
    is_marked: bool,
    /// The epoch of the last call.
    seen: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_key_goes_only_for_another_and_only_if_nobody_would_notice(steps in steps(), max in 1..6_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let keys = Keys::new(Marked::default());
            keys.set_max_keys(max);
            let (mut list, mut calls) = (Vec::<Known>::new(), Vec::<(u8, Use<Marked>)>::new());
            let (mut epoch, mut began) = (0, clock::now());
            let (mut evicted, mut overflowed) = (0, 0);
            for step in steps {
                match step {
                    Step::Pass(seconds) => tokio::time::advance(Duration::from_secs(seconds)).await,
                    Step::End(nth) => {
                        if let Some(place) = nth.checked_rem(calls.len()) {
                            calls.remove(place);
                        }
                    }
                    Step::Call(key, marks) => {
                        let name = key.to_string();
                        let found = list.iter().position(|one| one.key == key);
                        if found.is_none() && clock::now() - began >= Duration::from_secs(600) {
                            (epoch, began) = (epoch + 1, clock::now());
                        }
                        let may_go = |one: &Known| {
                            let is_used = calls.iter().any(|(at, _)| *at == one.key);
                            !is_used && (!one.is_marked || epoch - one.seen >= 2)
                        };
                        let has_room = list.len() < max || list.iter().any(may_go);
                        let before = keys.get(&name);
                        let user = keys.pick(Some(&name));
                        let is_shared = user.key.is_none();
                        assert_eq!(is_shared, found.is_none() && !has_room, "{key}");
                        if is_shared {
                            overflowed += 1;
                            continue;
                        }
                        if let Some(place) = found {
                            let same = before.expect("it is there");
                            assert!(std::ptr::eq(&*user, Arc::as_ptr(&same)), "{key} is another");
                            list[place].seen = epoch;
                        } else {
                            assert!(user.layer.is_idle(), "{key} begins anew");
                            let gone = list.iter().position(|one| keys.get(&one.key.to_string()).is_none());
                            assert_eq!(gone.is_some(), list.len() == max, "one goes if it must");
                            if let Some(gone) = gone {
                                evicted += 1;
                                assert!(may_go(&list[gone]), "{} was missed", list[gone].key);
                                list.remove(gone);
                            }
                            list.push(Known { key, is_marked: false, seen: epoch });
                        }
                        if marks {
                            user.layer.0.store(true, Relaxed);
                            let known = list.iter_mut().find(|one| one.key == key);
                            known.expect("it is there now").is_marked = true;
                        }
                        calls.push((key, user));
                    }
                }
                assert_eq!(keys.len(), list.len());
                assert_eq!((keys.evicted(), keys.overflowed()), (evicted, overflowed));
                assert!(list.iter().all(|one| keys.get(&one.key.to_string()).is_some()));
            }
        });
    }
}
