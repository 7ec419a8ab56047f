use std::{
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use http::Request;

use super::{Begun, Id, MemoryStore, MemoryTicket, Store};
use crate::{
    common::modelling::{join, model, spawn, timers, wait},
    protocol::Head,
};

const MINUTE: Duration = Duration::from_secs(60);

fn begin(store: &MemoryStore) -> Begun<MemoryTicket> {
    let request = Request::new(());
    let id = Id::of(&Head::of(&request), "key", None);
    wait(store.begin(id, MINUTE)).expect("memory does not fail")
}

/// Whether it executed.
fn execute(store: &MemoryStore) -> bool {
    match begin(store) {
        Begun::Fresh(ticket) => {
            let finished = wait(store.finish(ticket, None, MINUTE));
            finished.expect("memory does not fail");
            true
        }
        Begun::Executed => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_two_at_once_one_executes_and_the_other_waits_for_it() {
    let _timers = timers();
    model(|| {
        let store = MemoryStore::new(1 << 20);
        let other = store.clone();
        let other = spawn(move || execute(&other));
        let executed = [execute(&store), join(other)];
        assert_eq!(executed.iter().filter(|executed| **executed).count(), 1);
    });
}

#[test]
fn a_ticket_that_is_dropped_is_handed_on_to_one_who_waits() {
    let _timers = timers();
    model(|| {
        let store = MemoryStore::new(1 << 20);
        let ticket = begin(&store);
        let waiters = [store.clone(), store.clone()];
        let [one, two] = waiters.map(|store| spawn(move || execute(&store)));
        drop(ticket);
        let executed = [join(one), join(two)];
        assert_eq!(executed.iter().filter(|executed| **executed).count(), 1);
        assert_eq!(store.len(), 1);
    });
}

#[test]
fn one_who_waits_and_gives_up_takes_nothing_along() {
    let _timers = timers();
    model(|| {
        let store = MemoryStore::new(1 << 20);
        let ticket = begin(&store);
        let gone = spawn({
            let store = store.clone();
            move || {
                let request = Request::new(());
                let id = Id::of(&Head::of(&request), "key", None);
                // What it may have been given it gives back.
                let mut begin = pin!(store.begin(id, MINUTE));
                let _ = begin.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        });
        let other = spawn({
            let store = store.clone();
            move || execute(&store)
        });
        drop(ticket);
        assert!(join(other));
        join(gone);
    });
}
