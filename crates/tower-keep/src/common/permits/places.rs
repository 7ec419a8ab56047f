use std::{collections::VecDeque, sync::Arc, task::Waker};

use super::{
    counts::{Arrival, Counts},
    slot::Slot,
};
use crate::common::{
    atomic::{AcqRel, Acquire, AtomicU32, AtomicU64, Relaxed},
    sync::{self, Mutex, MutexGuard},
};

/// So many places, and a queue for them.
///
/// While nobody waits, a call takes and returns its place with one compare-and-swap. As soon as one
/// waits, every change goes through the queue's lock, so a place is handed to the one whose turn it
/// is and nobody overtakes.
pub(crate) struct Places<T = ()> {
    /// [`Counts`], packed. Changed by compare-and-swap only; acquire-release, so that what a call did
    /// before it left is seen by the one that takes its place. While `waiting` is not 0 it is changed
    /// only with `queue` locked.
    counts: AtomicU64,
    /// How many may run and wait. Each is read on its own and pairs with nothing; a call that arrives
    /// during a change is judged by the old or the new value.
    limit: AtomicU32,
    max_queue: AtomicU32,
    queue: Mutex<Queue<T>>,
}

/// Those who wait, longest first.
pub(crate) type Queue<T> = VecDeque<Arc<Slot<T>>>;

/// Whose turn it is: the place in the queue of the one to run next, given whether one is free.
///
/// Called with the queue locked and somebody in it; whoever it names does run.
pub(crate) trait Turn<T>: FnMut(&Queue<T>, bool) -> Option<usize> {}

impl<T, F: FnMut(&Queue<T>, bool) -> Option<usize>> Turn<T> for F {}

/// What becomes of a call for which no place was free at first.
pub(crate) enum Late<T> {
    Runs,
    Waits(Arc<Slot<T>>),
    Refused,
}

impl<T> Places<T> {
    pub(crate) fn new() -> Self {
        Self {
            counts: AtomicU64::new(0),
            limit: AtomicU32::new(0),
            max_queue: AtomicU32::new(0),
            queue: Mutex::default(),
        }
    }

    /// So many from now on. Whoever waits may have a place now; whoever runs keeps his.
    pub(crate) fn configure(&self, limit: u32, max_queue: u32, turn: impl Turn<T>) {
        self.limit.store(limit, Relaxed);
        self.max_queue.store(max_queue, Relaxed);
        self.hand_over(self.lock(), turn);
    }

    /// Lets those run whose turn it is, where that may have changed.
    pub(crate) fn look_again(&self, turn: impl Turn<T>) {
        self.hand_over(self.lock(), turn);
    }

    #[inline]
    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    pub(crate) fn max_queue(&self) -> u32 {
        self.max_queue.load(Relaxed)
    }

    #[inline]
    pub(crate) fn counts(&self) -> Counts {
        Counts::unpack(self.counts.load(Relaxed))
    }

    /// Takes a place if one is free and nobody waits for it; what the counts were before.
    #[inline]
    pub(crate) fn try_run(&self) -> Option<Counts> {
        let limit = self.limit.load(Relaxed);
        let before = self.update(|counts| match counts.arrive(limit, 0) {
            Arrival::Run(next) => Some(next),
            Arrival::Wait(_) | Arrival::Refuse => None,
        })?;
        Some(Counts::unpack(before))
    }

    /// Asks for a place, after there was none: waits for one if there is room to.
    #[inline]
    pub(crate) fn arrive_late(&self, tag: T) -> Late<T> {
        let max_queue = self.max_queue.load(Relaxed);
        if max_queue == 0 {
            return Late::Refused;
        }
        let mut queue = self.lock();
        // Read under the lock: a new limit is stored before `configure` takes it, so whoever
        // still queues by an old limit is found there by `configure`.
        let limit = self.limit.load(Relaxed);
        let mut waits = false;
        let admitted = self.update(|counts| match counts.arrive(limit, max_queue) {
            Arrival::Run(next) => {
                waits = false;
                Some(next)
            }
            Arrival::Wait(next) => {
                waits = true;
                Some(next)
            }
            Arrival::Refuse => None,
        });
        if admitted.is_none() {
            return Late::Refused;
        }
        if !waits {
            return Late::Runs;
        }
        let slot = Arc::new(Slot::new(tag));
        queue.push_back(slot.clone());
        Late::Waits(slot)
    }

    /// Takes a place though none may be free.
    pub(crate) fn run_anyway(&self) {
        let one_more = |counts: Counts| Counts {
            running: counts.running + 1,
            ..counts
        };
        if self
            .update(|counts| (counts.waiting == 0).then(|| one_more(counts)))
            .is_none()
        {
            let _queue = self.lock();
            self.update(|counts| Some(one_more(counts)));
        }
    }

    /// Gives a place back.
    #[inline]
    pub(crate) fn leave(&self, turn: impl Turn<T>) {
        if self.update(Counts::leave).is_none() {
            self.leave_to_next(turn);
        }
    }

    #[cold]
    fn leave_to_next(&self, turn: impl Turn<T>) {
        let queue = self.lock();
        self.update(|counts| {
            Some(Counts {
                running: counts.running - 1,
                ..counts
            })
        });
        self.hand_over(queue, turn);
    }

    /// Lets those run whose turn it is, and wakes them unlocked.
    fn hand_over(&self, mut queue: MutexGuard<'_, Queue<T>>, mut turn: impl Turn<T>) {
        let limit = self.limit.load(Relaxed);
        let mut woken = Vec::new();
        while !queue.is_empty() {
            let is_free = self.counts().promote(limit).is_some();
            let Some(next) = turn(&queue, is_free) else {
                break;
            };
            let slot = queue.remove(next).expect("a turn names one who waits");
            // Nobody else changes it: somebody waits, and the queue is locked.
            self.update(|counts| counts.promote(u32::MAX));
            woken.extend(slot.grant());
        }
        drop(queue);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Somebody stops waiting: `false` if a place was handed to him just before, which he must leave.
    pub(crate) fn give_up(&self, slot: &Arc<Slot<T>>) -> bool {
        let mut queue = self.lock();
        let Some(place) = queue.iter().position(|waiting| Arc::ptr_eq(waiting, slot)) else {
            return false;
        };
        queue.remove(place);
        self.update(|counts| {
            Some(Counts {
                waiting: counts.waiting - 1,
                ..counts
            })
        });
        true
    }

    /// Changes the counts; `None` if `change` wants nothing changed.
    #[inline]
    fn update(&self, mut change: impl FnMut(Counts) -> Option<Counts>) -> Option<u64> {
        self.counts
            .fetch_update(AcqRel, Acquire, |word| {
                change(Counts::unpack(word)).map(Counts::pack)
            })
            .ok()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        sync::lock(&self.queue)
    }
}
