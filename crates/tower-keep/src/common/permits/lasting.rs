//! Rooms that last as long as the process, so that a call holds its place with no count of references.
//!
//! A count is one more write for a call that comes and one for a call that ends, as dear as taking the
//! place itself, and the places that are out are a count already. So a room is never freed. When its
//! owner is gone and the last place has come back, it is kept for the next owner: there are as many as
//! there ever were at a time.

use std::{ops::Deref, sync::Arc};

use super::{
    queue::{Queue, in_order},
    room::{Line, Room},
    slot::Slot,
    stock::Stock,
};
use crate::{
    common::sync::{self, Mutex},
    observe::{Emitter, EventKind},
};

/// With fewer places than this the threads have no stocks of their own: those would be empty as a
/// rule, and cost memory where there is a room for each key.
const SPREAD_FROM: u32 = 64;

/// A room with a queue in order, and who speaks for it while it has an owner.
#[derive(Debug)]
pub(crate) struct Hall {
    room: Room<Queue>,
    emitter: Mutex<Option<Emitter>>,
    /// How often it was kept for another owner.
    #[cfg(all(test, keep_loom))]
    kept: crate::common::atomic::AtomicU32,
}

/// A hall's owner.
#[derive(Debug)]
pub(crate) struct Owned(&'static Hall);

/// A place in it, to be given back.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Place {
    hall: &'static Hall,
    stock: &'static Stock,
}

impl Owned {
    /// A room for about so many places; it has none yet.
    pub(crate) fn new(limit: u32, emitter: &Emitter) -> Self {
        let is_spread = limit >= SPREAD_FROM;
        let hall = spare::take(is_spread).unwrap_or_else(|| {
            let make = if is_spread { Room::spread } else { Room::new };
            Box::leak(Box::new(Hall {
                room: make(Queue::new()),
                emitter: Mutex::new(None),
                #[cfg(all(test, keep_loom))]
                kept: crate::common::atomic::AtomicU32::new(0),
            }))
        });
        *sync::lock(&hall.emitter) = Some(emitter.clone());
        Self(hall)
    }

    /// So many from now on, the first come first; see [`Room::configure`].
    pub(crate) fn change(&self, limit: u32, max_queue: u32) {
        self.configure(limit, max_queue, in_order);
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    pub(crate) fn try_take(&self) -> Option<Place> {
        let stock = self.0.room.take()?;
        Some(self.place(stock))
    }

    /// Takes a place though none may be free.
    pub(crate) fn take_anyway(&self) -> Place {
        self.run_anyway(in_order);
        self.handed_over()
    }

    /// Waits for a place after there was none, if there is room to.
    pub(crate) fn queue_up_in_order(&self) -> Option<Arc<Slot>> {
        self.queue_up((), in_order)
    }

    /// The place of one who has waited long enough, whether one was handed over just before or not.
    pub(crate) fn jump_in_order(&self, slot: &Arc<Slot>) -> Place {
        self.jump(slot, in_order);
        self.handed_over()
    }

    /// The place of one to whom it was handed over.
    pub(crate) fn handed_over(&self) -> Place {
        self.place(self.0.room.own())
    }

    #[inline]
    fn place(&self, stock: &'static Stock) -> Place {
        Place {
            hall: self.0,
            stock,
        }
    }
}

#[cfg(all(test, keep_loom))]
impl Owned {
    pub(super) fn hall(&self) -> &'static Hall {
        self.0
    }
}

#[cfg(all(test, keep_loom))]
impl Hall {
    pub(super) fn room(&self) -> &Room<Queue> {
        &self.room
    }

    pub(super) fn kept(&self) -> u32 {
        self.kept.load(crate::common::atomic::Relaxed)
    }
}

impl Deref for Owned {
    type Target = Room<Queue>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0.room
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // All places that are out are too many now: each ends in `settle`.
        self.lock().is_given_up = true;
        self.change(0, 0);
        self.0.keep_if_empty();
    }
}

impl Place {
    /// Gives it back, once; and says so if the call was `told` of.
    #[inline]
    pub(crate) fn leave(self, told: bool) {
        if self.stock.put(1) | told {
            self.hall.left(told);
        }
    }
}

impl Hall {
    /// A place is back, and that concerns somebody.
    #[cold]
    #[inline(never)]
    fn left(&'static self, told: bool) {
        self.room.look_again(in_order);
        if told {
            let emitter = sync::lock(&self.emitter).clone();
            if let Some(emitter) = emitter {
                emitter.emit(EventKind::CallReleased);
            }
        }
        self.keep_if_empty();
    }

    /// Keeps the hall for another owner, if this one is gone and so are all calls.
    fn keep_if_empty(&'static self) {
        let mut queue = self.room.lock();
        if queue.is_given_up && queue.total() == 0 {
            debug_assert_eq!(queue.len(), 0, "who waits has a hand on the owner");
            // Once: whoever comes later does not find it given up.
            queue.is_given_up = false;
            drop(queue);
            self.room.forget_refused();
            let gone = sync::lock(&self.emitter).take();
            spare::keep(self);
            drop(gone);
        }
    }
}

/// The halls that nobody has. A model checker's hall lives for one run of a model, so it has none.
mod spare {
    use super::Hall;
    use crate::common::statics::{RwLock, write};

    /// Those without a stock for each thread, and those with.
    static HALLS: [RwLock<Vec<&'static Hall>>; 2] = [const { RwLock::new(Vec::new()) }; 2];

    pub(super) fn take(is_spread: bool) -> Option<&'static Hall> {
        write(&HALLS[usize::from(is_spread)]).pop()
    }

    #[cfg(not(all(test, keep_loom)))]
    pub(super) fn keep(hall: &'static Hall) {
        write(&HALLS[usize::from(hall.room.is_spread())]).push(hall);
    }

    #[cfg(all(test, keep_loom))]
    pub(super) fn keep(hall: &'static Hall) {
        hall.kept.fetch_add(1, crate::common::atomic::Relaxed);
    }
}
