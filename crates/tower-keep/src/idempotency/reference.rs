//! The store in memory against a plain map: what is under each key, and until when.

use std::{
    collections::BTreeMap,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use proptest::prelude::*;
use tokio::time::Instant;

use super::{Begun, Id, MemoryStore, MemoryTicket, Store, StoredAnswer};
use crate::{common::clock, protocol::Head};

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(u8),
    /// The ticket at this place, modulo how many there are: finished with a body of so many bytes, if
    /// there is an answer, that is kept for so many seconds.
    Finish(usize, Option<usize>, u64),
    Drop(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let body = prop::option::of(0..3000_usize);
    let step = prop_oneof![
        6 => (0..12_u8).prop_map(Step::Begin),
        4 => (any::<usize>(), body, 1..60_u64).prop_map(|(nth, body, time)| Step::Finish(nth, body, time)),
        1 => any::<usize>().prop_map(Step::Drop),
        2 => (0..40_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..400)
}

fn begin(store: &MemoryStore, key: u8) -> Option<Begun<MemoryTicket>> {
    let request = Request::new(());
    let id = Id::of(&Head::of(&request), &key.to_string(), None);
    let mut begin = pin!(store.begin(id, Duration::from_secs(1)));
    match begin.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(begun) => Some(begun.expect("memory does not fail")),
        Poll::Pending => None,
    }
}

/// What a plain map has under a key.
#[derive(Debug)]
enum There {
    Running,
    Kept(Option<usize>, Instant),
}

/// The store, and what a plain map has in its place.
struct Pair {
    store: MemoryStore,
    map: BTreeMap<u8, There>,
    tickets: Vec<(u8, MemoryTicket)>,
    /// Whether there is room for everything.
    has_room: bool,
}

impl Pair {
    fn begin(&mut self, key: u8) {
        let (has_room, there) = (self.has_room, self.map.get(&key));
        match (begin(&self.store, key), there) {
            (None, Some(There::Running)) | (Some(Begun::Executed), Some(There::Kept(None, _))) => {}
            (Some(Begun::Answered(answer)), Some(There::Kept(Some(len), _))) => {
                assert_eq!(answer.body().len(), *len);
            }
            (Some(Begun::Fresh(ticket)), None) => self.run(key, ticket),
            // What does not fit is not kept, and the oldest is forgotten for what runs.
            (Some(Begun::Executed), Some(There::Kept(Some(_), _))) if !has_room => {}
            (Some(Begun::Fresh(ticket)), Some(There::Kept(..))) if !has_room => {
                self.run(key, ticket);
            }
            (Some(Begun::Full), None | Some(There::Kept(..))) if !has_room => {}
            (begun, there) => panic!("{key}: {begun:?}, and there is {there:?}"),
        }
    }

    fn run(&mut self, key: u8, ticket: MemoryTicket) {
        self.map.insert(key, There::Running);
        self.tickets.push((key, ticket));
    }

    fn take(&mut self, nth: usize) -> Option<(u8, MemoryTicket)> {
        let place = nth.checked_rem(self.tickets.len())?;
        Some(self.tickets.remove(place))
    }

    fn step(&mut self, step: Step) {
        let now = clock::now();
        self.map
            .retain(|_, there| !matches!(there, There::Kept(_, until) if *until <= now));
        match step {
            Step::Pass(_) => {}
            Step::Begin(key) => self.begin(key),
            Step::Finish(nth, body, seconds) => {
                let Some((key, ticket)) = self.take(nth) else {
                    return;
                };
                let keep_for = Duration::from_secs(seconds);
                let answer = body.map(|len| {
                    let body = Bytes::from(vec![0; len]);
                    StoredAnswer::new(StatusCode::OK, HeaderMap::new(), body, None)
                });
                drop(self.store.finish(ticket, answer, keep_for));
                self.map.insert(key, There::Kept(body, now + keep_for));
            }
            Step::Drop(nth) => {
                if let Some((key, _ticket)) = self.take(nth) {
                    self.map.remove(&key);
                }
            }
        }
    }
}

fn run(steps: Vec<Step>, max_bytes: usize, has_room: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut pair = Pair {
            store: MemoryStore::new(max_bytes),
            map: BTreeMap::new(),
            tickets: Vec::new(),
            has_room,
        };
        for step in steps {
            if let Step::Pass(seconds) = step {
                tokio::time::advance(Duration::from_secs(seconds)).await;
            }
            pair.step(step);
            assert!(pair.store.bytes() <= max_bytes);
            assert!(
                pair.store.len() >= pair.tickets.len(),
                "what runs is never forgotten"
            );
        }
        pair.tickets.clear();
        tokio::time::advance(Duration::from_secs(60)).await;
        // Whoever comes next finds all of it over.
        drop(begin(&pair.store, 0));
        assert_eq!((pair.store.len(), pair.store.bytes()), (0, 0));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn with_room_for_everything_it_is_a_map_that_forgets_in_time(steps in steps()) {
        run(steps, 1 << 30, true);
    }

    #[test]
    fn without_room_it_forgets_what_is_kept_and_never_what_runs(steps in steps()) {
        run(steps, 6 * 1024, false);
    }
}
