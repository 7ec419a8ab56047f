use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{
    BulkheadConfig, LAYER,
    state::{Arrival, Counts},
};
use crate::{
    common::{clock, sync},
    observe::{Emitter, EventKind},
    protocol::{End, Guard},
    rejection::{Kind, Rejection},
};

/// The places of a bulkhead and the queue for them.
///
/// While nobody waits, a call takes and returns its place with one compare-and-swap. As soon as one
/// waits, every change goes through the queue's lock, so a place is handed to the one who waited
/// longest and nobody overtakes.
pub(super) struct Permits {
    /// [`Counts`], packed. Changed by compare-and-swap only; acquire-release, so that what a call did
    /// before it left is seen by the one that takes its place. While `waiting` is not 0 it is changed
    /// only with `queue` locked.
    counts: AtomicU64,
    /// The configuration. Each is read on its own and pairs with nothing; a call that arrives during
    /// a change is judged by the old or the new value.
    limit: AtomicU32,
    max_queue: AtomicU32,
    max_wait_nanos: AtomicU64,
    /// Statistics; relaxed, they order nothing.
    refused: AtomicU64,
    queue: Mutex<VecDeque<Arc<Slot>>>,
    pub(super) emitter: Emitter,
}

/// What became of a call that asked for a place.
pub(super) enum Admission {
    Permit(Permit),
    Wait(Waiter),
    Refused(Rejection),
}

impl Permits {
    pub(super) fn new(config: &BulkheadConfig, emitter: Emitter) -> Arc<Self> {
        let permits = Self {
            counts: AtomicU64::new(0),
            limit: AtomicU32::new(0),
            max_queue: AtomicU32::new(0),
            max_wait_nanos: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            queue: Mutex::default(),
            emitter,
        };
        permits.configure(config);
        Arc::new(permits)
    }

    /// Takes over a checked configuration. Whoever waits may have a place now; whoever runs keeps his.
    pub(super) fn configure(&self, config: &BulkheadConfig) {
        let word = |value| u32::try_from(value).unwrap_or(u32::MAX);
        self.limit.store(word(config.max_concurrent), Relaxed);
        self.max_queue.store(word(config.max_queue), Relaxed);
        self.max_wait_nanos
            .store(clock::whole_nanos(config.max_wait), Relaxed);
        self.hand_over(self.lock());
    }

    pub(super) fn config(&self) -> BulkheadConfig {
        BulkheadConfig {
            max_concurrent: self.limit.load(Relaxed) as usize,
            max_queue: self.max_queue.load(Relaxed) as usize,
            max_wait: self.max_wait(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts::unpack(self.counts.load(Relaxed))
    }

    pub(super) fn max_wait(&self) -> Duration {
        Duration::from_nanos(self.max_wait_nanos.load(Relaxed))
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Asks for a place.
    #[inline]
    pub(super) fn arrive(self: &Arc<Self>) -> Admission {
        match self.try_run() {
            Some(permit) => Admission::Permit(permit),
            None => self.arrive_late(),
        }
    }

    /// Takes a place if one is free, nobody waits for it and nobody wants to be told: the usual case.
    #[inline]
    pub(super) fn try_run_unseen(self: &Arc<Self>) -> Option<Permit> {
        if self.emitter.wants_calls() {
            return None;
        }
        self.try_run()
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    pub(super) fn try_run(self: &Arc<Self>) -> Option<Permit> {
        let limit = self.limit.load(Relaxed);
        self.update(|counts| match counts.arrive(limit, 0) {
            Arrival::Run(next) => Some(next),
            Arrival::Wait(_) | Arrival::Refuse => None,
        })?;
        Some(Permit {
            permits: self.clone(),
            observed: false,
        })
    }

    /// Asks for a place, after there was none: waits for one if there is room to.
    #[inline]
    fn arrive_late(self: &Arc<Self>) -> Admission {
        let max_queue = self.max_queue.load(Relaxed);
        if max_queue > 0 {
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
            if admitted.is_some() {
                if !waits {
                    return Admission::Permit(Permit {
                        permits: self.clone(),
                        observed: false,
                    });
                }
                let slot = Arc::<Slot>::default();
                queue.push_back(slot.clone());
                return Admission::Wait(Waiter {
                    permits: Some(self.clone()),
                    slot,
                });
            }
        }
        Admission::Refused(self.refuse(Kind::BulkheadFull {
            limit: self.limit.load(Relaxed) as usize,
        }))
    }

    /// Turns a call away.
    #[inline]
    pub(super) fn refuse(&self, kind: Kind) -> Rejection {
        self.refused.fetch_add(1, Relaxed);
        self.emitter
            .emit(EventKind::CallRejected { kind: kind.clone() });
        // One wait from now, the queue has either moved or should not be waited for.
        Rejection::new(kind, LAYER, self.emitter.name()).with_retry_after(Some(self.max_wait()))
    }

    #[cold]
    fn tell_admitted(&self, waited: Duration) {
        self.emitter.emit(EventKind::CallAdmitted { waited });
    }

    #[cold]
    fn tell_released(&self) {
        self.emitter.emit(EventKind::CallReleased);
    }

    /// Gives a place back.
    #[inline]
    fn leave(&self) {
        if self.update(Counts::leave).is_none() {
            self.leave_to_next();
        }
    }

    #[cold]
    fn leave_to_next(&self) {
        let queue = self.lock();
        self.update(|counts| {
            Some(Counts {
                running: counts.running - 1,
                ..counts
            })
        });
        self.hand_over(queue);
    }

    /// Lets those who waited longest run, as far as there are places, and wakes them unlocked.
    fn hand_over(&self, mut queue: MutexGuard<'_, VecDeque<Arc<Slot>>>) {
        let limit = self.limit.load(Relaxed);
        let mut woken = Vec::new();
        while self.update(|counts| counts.promote(limit)).is_some() {
            let slot = queue
                .pop_front()
                .expect("as many slots as `waiting` says, under its lock");
            woken.extend(slot.grant());
        }
        drop(queue);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Somebody stops waiting. If a place was handed over just before, it goes to the next.
    fn give_up(&self, slot: &Arc<Slot>) {
        let mut queue = self.lock();
        match queue.iter().position(|waiting| Arc::ptr_eq(waiting, slot)) {
            Some(place) => {
                queue.remove(place);
                self.update(|counts| {
                    Some(Counts {
                        waiting: counts.waiting - 1,
                        ..counts
                    })
                });
            }
            None => {
                drop(queue);
                self.leave();
            }
        }
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

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Slot>>> {
        sync::lock(&self.queue)
    }
}

/// A place in a bulkhead; dropping it gives the place back.
pub struct Permit {
    permits: Arc<Permits>,
    /// Whether somebody was told of the admission, and so must be told of the end.
    observed: bool,
}

impl Permit {
    /// Tells of the admission, if anybody wants to know.
    #[inline]
    pub(super) fn announce(&mut self, waited: impl FnOnce() -> Duration) {
        self.observed = self.permits.emitter.wants_calls();
        if self.observed {
            self.permits.tell_admitted(waited());
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.permits.leave();
        if self.observed {
            self.permits.tell_released();
        }
    }
}

impl Guard for Permit {
    /// The place is given back when the guard is dropped, which follows the end at once.
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A place in the queue; dropping it leaves the queue.
pub(super) struct Waiter {
    /// Taken out when the place in the queue becomes a place.
    permits: Option<Arc<Permits>>,
    slot: Arc<Slot>,
}

impl Waiter {
    /// Ready with a place once one was handed over. Must not be polled after that.
    pub(super) fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<Permit> {
        let mut meeting = self.slot.lock();
        if meeting.granted {
            let permits = self.permits.take().expect("polled after it was ready");
            return Poll::Ready(Permit {
                permits,
                observed: false,
            });
        }
        match &mut meeting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(permits) = self.permits.take() {
            permits.give_up(&self.slot);
        }
    }
}

/// Where the one who waits and the one who hands over meet.
#[derive(Default)]
struct Slot(Mutex<Meeting>);

#[derive(Default)]
struct Meeting {
    granted: bool,
    waker: Option<Waker>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Meeting> {
        sync::lock(&self.0)
    }

    fn grant(&self) -> Option<Waker> {
        let mut meeting = self.lock();
        meeting.granted = true;
        meeting.waker.take()
    }
}
