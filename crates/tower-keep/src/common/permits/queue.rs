use std::{collections::VecDeque, sync::Arc, task::Waker};

use super::{
    room::{Line, Locked, Room},
    slot::Slot,
};

/// Those who wait, longest first.
#[derive(Debug)]
pub(crate) struct Queue<T = ()> {
    slots: VecDeque<Arc<Slot<T>>>,
    /// Whether nobody will ask its room for a place any more.
    pub(super) is_given_up: bool,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: VecDeque::new(),
            is_given_up: false,
        }
    }

    /// The one who has waited longest.
    pub(crate) fn first(&self) -> Option<&T> {
        self.slots.front().map(|slot| &slot.tag)
    }

    /// The place in the queue of the first of those.
    pub(crate) fn position(&self, mut is: impl FnMut(&T) -> bool) -> Option<usize> {
        self.slots.iter().position(|slot| is(&slot.tag))
    }

    fn remove(&mut self, slot: &Arc<Slot<T>>) -> bool {
        let place = self.slots.iter().position(|one| Arc::ptr_eq(one, slot));
        place.and_then(|place| self.slots.remove(place)).is_some()
    }
}

impl<T> Line for Queue<T> {
    fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Whose turn it is: the place in the queue of the one to run next, given whether one is free.
///
/// Called with the queue locked and somebody in it; whoever it names does run.
pub(crate) trait Choose<T>: FnMut(&Queue<T>, bool) -> Option<usize> {}

impl<T, F: FnMut(&Queue<T>, bool) -> Option<usize>> Choose<T> for F {}

/// First come, first served.
pub(crate) fn in_order<T>(_: &Queue<T>, is_free: bool) -> Option<usize> {
    is_free.then_some(0)
}

impl<T> Room<Queue<T>> {
    /// So many from now on. Whoever waits may have a place now; whoever runs keeps his.
    pub(crate) fn configure(&self, limit: u32, max_queue: u32, choose: impl Choose<T>) {
        self.wake(choose, |queue, turn| {
            queue.configure(limit, max_queue, turn);
        });
    }

    /// Gives a place back as another thread does.
    #[cfg(test)]
    pub(super) fn give_back_to(&self, thread: usize, choose: impl Choose<T>) {
        if self.stock_of(thread).put(1) {
            self.look_again(choose);
        }
    }

    /// Pays debts, and lets those run whose turn it is.
    #[cold]
    #[inline(never)]
    pub(crate) fn look_again(&self, choose: impl Choose<T>) {
        self.wake(choose, |queue, turn| queue.settle(turn));
    }

    /// Takes a place though none may be free.
    pub(crate) fn run_anyway(&self, choose: impl Choose<T>) {
        if !self.try_run() {
            self.wake(choose, |queue, turn| queue.overrun(turn));
        }
    }

    /// Gives a place back.
    #[inline]
    pub(crate) fn give_back(&self, choose: impl Choose<T>) {
        if self.own().put(1) {
            self.look_again(choose);
        }
    }

    /// Waits for a place after there was none, if there is room to.
    pub(crate) fn queue_up(&self, tag: T, choose: impl Choose<T>) -> Option<Arc<Slot<T>>> {
        // Without the lock, since this is how most calls are refused.
        if self.waiting() >= self.max_queue() {
            return None;
        }
        self.wake(choose, |queue, turn| {
            // Again: a new limit is stored under the lock, so whoever still queues by an old one is
            // found there by `configure`.
            let has_room = queue.len() < self.max_queue() as usize;
            has_room.then(|| {
                let slot = Arc::new(Slot::new(tag));
                queue.slots.push_back(slot.clone());
                // One may have been given back since there was none.
                queue.settle(turn);
                slot
            })
        })
    }

    /// Somebody stops waiting: `false` if a place was handed to him just before, which he must leave.
    pub(crate) fn give_up(&self, slot: &Arc<Slot<T>>) -> bool {
        let mut queue = self.lock();
        let waited = queue.remove(slot);
        if waited {
            queue.set_bells();
        }
        waited
    }

    /// Somebody has waited long enough and runs, place or no place.
    pub(crate) fn jump(&self, slot: &Arc<Slot<T>>, choose: impl Choose<T>) {
        self.wake(choose, |queue, turn| {
            if queue.remove(slot) {
                queue.overrun(turn);
            }
        });
    }

    /// Everybody who waits runs, place or no place.
    pub(crate) fn run_all(&self) {
        self.look_again(|_, _| Some(0));
    }

    /// Changes the queue, and wakes those whose turn came, unlocked.
    fn wake<R>(
        &self,
        mut choose: impl Choose<T>,
        change: impl FnOnce(&mut Locked<'_, Queue<T>>, &mut dyn FnMut(&mut Queue<T>, bool) -> bool) -> R,
    ) -> R {
        let mut woken = Vec::new();
        let done = {
            let mut turn = |queue: &mut Queue<T>, is_free| {
                let Some(next) = choose(queue, is_free) else {
                    return false;
                };
                let slot = queue.slots.remove(next).expect("one who waits is chosen");
                woken.extend(slot.grant());
                true
            };
            change(&mut self.lock(), &mut turn)
        };
        woken.into_iter().for_each(Waker::wake);
        done
    }
}
