use std::{
    borrow::Borrow,
    collections::{HashSet, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    shared::Live,
    state::{After, Flight, Landed, Turn},
};
use crate::{
    common::{
        clock::{self, Instant},
        sync::{self, Mutex},
    },
    observe::EventKind,
};

/// The flights of a layer.
///
/// A lock for each sixteenth of the keys, and one for each flight; the latter is taken with the former
/// held where who joins and who ends must agree, never the other way round.
pub(super) struct Board<T> {
    pub(super) live: Arc<Live>,
    hasher: RandomState,
    shards: [Mutex<HashSet<ByKey<T>>>; 16],
}

/// A flight and its key.
struct Entry<T> {
    key: Vec<u8>,
    flight: Mutex<Flight<T>>,
}

struct ByKey<T>(Arc<Entry<T>>);

impl<T> Borrow<[u8]> for ByKey<T> {
    fn borrow(&self) -> &[u8] {
        &self.0.key
    }
}

impl<T> Hash for ByKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key[..].hash(state);
    }
}

impl<T> PartialEq for ByKey<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl<T> Eq for ByKey<T> {}

/// What a call that arrives does.
pub(super) enum Arrival<T> {
    Lead(Lead<T>),
    Wait(Waiter<T>),
    /// There is no room for it.
    Alone,
}

impl<T> Board<T> {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self {
            live,
            hasher: RandomState::new(),
            shards: Default::default(),
        }
    }

    fn shard(&self, key: &[u8]) -> &Mutex<HashSet<ByKey<T>>> {
        // Other bits than those that the sets look at first.
        &self.shards[(self.hasher.hash_one(key) >> 32) as usize % self.shards.len()]
    }

    pub(super) fn arrive(self: &Arc<Self>, key: Vec<u8>) -> Arrival<T> {
        let mut shard = sync::lock(self.shard(&key));
        if let Some(ByKey(entry)) = shard.get(&key[..]) {
            let joined = sync::lock(&entry.flight).join(self.live.max_waiters());
            return match joined {
                Some(id) => {
                    self.live.waiting_changed(1);
                    Arrival::Wait(Waiter {
                        board: self.clone(),
                        entry: entry.clone(),
                        id: Some(id),
                    })
                }
                None => Arrival::Alone,
            };
        }
        if !self.live.take_key() {
            return Arrival::Alone;
        }
        let entry = Arc::new(Entry {
            key,
            flight: Mutex::new(Flight::new(clock::now())),
        });
        shard.insert(ByKey(entry.clone()));
        Arrival::Lead(Lead(Some((self.clone(), entry))))
    }

    /// Changes a flight, strikes it off if it is over, and wakes unlocked.
    fn change(&self, entry: &Arc<Entry<T>>, change: impl FnOnce(&mut Flight<T>) -> After) {
        let mut shard = sync::lock(self.shard(&entry.key));
        let after = change(&mut sync::lock(&entry.flight));
        // Its own entry: a flight strikes itself off once, before another of its key takes off.
        let gone = after.over.then(|| shard.take(&entry.key[..])).flatten();
        drop(shard);
        if gone.is_some() {
            self.live.give_key_back();
        }
        after.wake.into_iter().for_each(Waker::wake);
    }
}

/// The right and the duty to ask the service for everybody. Dropping it hands both on.
pub struct Lead<T>(Option<Place<T>>);

/// A flight, and the board that it is on.
type Place<T> = (Arc<Board<T>>, Arc<Entry<T>>);

impl<T> Lead<T> {
    /// There is an answer for everybody.
    pub fn finish(self, answer: T) {
        let answer = Arc::new(answer);
        // If it comes second it is dropped here, and not under the lock.
        let _unlocked = answer.clone();
        self.end(|flight, _, _| flight.land(Landed::Answer(answer)));
    }

    /// There is an answer for this caller only.
    pub fn release(self) {
        self.end(|flight, _, _| flight.land(Landed::Alone));
    }

    /// There is no answer.
    pub fn fail(self) {
        self.end(Flight::fail);
    }

    fn end(mut self, change: impl FnOnce(&mut Flight<T>, Instant, u32) -> After) {
        if let Some((board, entry)) = self.0.take() {
            let max_failures = board.live.max_failures();
            board.change(&entry, |flight| change(flight, clock::now(), max_failures));
        }
    }
}

impl<T> Drop for Lead<T> {
    fn drop(&mut self) {
        let Some((board, entry)) = self.0.take() else {
            return;
        };
        let now = clock::now();
        if std::thread::panicking() {
            // A service that panics would do so for each of them in turn.
            let max_failures = board.live.max_failures();
            board.change(&entry, |flight| flight.fail(now, max_failures));
        } else {
            board.live.count_handover();
            board.change(&entry, |flight| flight.give_up(now));
        }
    }
}

impl<T> fmt::Debug for Lead<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").finish_non_exhaustive()
    }
}

/// One who waits; dropping it leaves.
pub(super) struct Waiter<T> {
    board: Arc<Board<T>>,
    entry: Arc<Entry<T>>,
    /// Gone once its turn has come.
    id: Option<u64>,
}

/// [`Turn`], with what goes with it.
pub(super) enum Go<T> {
    Answer(Arc<T>),
    Alone,
    Lead(Lead<T>),
}

impl<T> Waiter<T> {
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Go<T>> {
        let id = self.id.expect("polled after its turn");
        let turn = sync::lock(&self.entry.flight).turn(id, cx.waker());
        let Some(turn) = turn else {
            return Poll::Pending;
        };
        self.done();
        Poll::Ready(match turn {
            Turn::Answer(answer) => {
                self.board.live.count_shared();
                let from = "shared";
                self.board
                    .live
                    .emitter
                    .emit(EventKind::AnswerReused { from });
                Go::Answer(answer)
            }
            Turn::Alone => Go::Alone,
            Turn::Lead => Go::Lead(self.lead()),
        })
    }

    /// The lead, if the leader has taken too long; else when it will have, or `None` if it is this
    /// one's turn anyway.
    pub(super) fn overtake(&mut self) -> Result<Lead<T>, Option<Instant>> {
        let id = self.id.expect("polled after its turn");
        let max_wait = self.board.live.max_wait();
        sync::lock(&self.entry.flight).overtake(id, clock::now(), max_wait)?;
        self.done();
        Ok(self.lead())
    }

    fn lead(&self) -> Lead<T> {
        Lead(Some((self.board.clone(), self.entry.clone())))
    }

    fn done(&mut self) {
        self.id = None;
        self.board.live.waiting_changed(-1);
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.done();
            let now = clock::now();
            self.board
                .change(&self.entry, |flight| flight.leave(id, now));
        }
    }
}

impl<T> fmt::Debug for Board<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("live", &self.live).finish()
    }
}
