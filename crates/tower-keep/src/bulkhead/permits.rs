use std::{collections::VecDeque, sync::Arc, task::Waker, time::Duration};

use super::{
    BulkheadConfig, LAYER,
    permit::{Permit, Slot, Waiter},
    state::{Arrival, Counts, Rule},
};
use crate::{
    common::{
        atomic::{AcqRel, Acquire, AtomicU32, AtomicU64, Relaxed},
        clock,
        sync::{self, Mutex, MutexGuard},
    },
    observe::{Emitter, EventKind},
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
    rule: AtomicU64,
    limit: AtomicU32,
    max_queue: AtomicU32,
    max_wait_nanos: AtomicU64,
    /// Statistics; relaxed, they order nothing.
    refused: AtomicU64,
    would_refuse: AtomicU64,
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
            rule: AtomicU64::new(0),
            limit: AtomicU32::new(0),
            max_queue: AtomicU32::new(0),
            max_wait_nanos: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            would_refuse: AtomicU64::new(0),
            queue: Mutex::default(),
            emitter,
        };
        permits.configure(config);
        Arc::new(permits)
    }

    /// Takes over a checked configuration. Whoever waits may have a place now; whoever runs keeps his.
    pub(super) fn configure(&self, config: &BulkheadConfig) {
        let word = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let limit = word(config.max_concurrent);
        let rule = Rule::new(config.enabled, config.enforce, limit);
        self.rule.store(rule.to_word(), Relaxed);
        self.limit.store(limit, Relaxed);
        self.max_queue.store(word(config.max_queue), Relaxed);
        self.max_wait_nanos
            .store(clock::whole_nanos(config.max_wait), Relaxed);
        self.hand_over(self.lock());
    }

    pub(super) fn config(&self) -> BulkheadConfig {
        let rule = self.rule();
        BulkheadConfig {
            enabled: rule.is_enabled(),
            enforce: rule.enforce(),
            max_concurrent: self.limit.load(Relaxed) as usize,
            max_queue: self.max_queue.load(Relaxed) as usize,
            max_wait: self.max_wait(),
        }
    }

    #[inline]
    pub(super) fn rule(&self) -> Rule {
        Rule::from_word(self.rule.load(Relaxed))
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

    pub(super) fn would_refuse(&self) -> u64 {
        self.would_refuse.load(Relaxed)
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
        let limit = self.rule().limit();
        self.update(|counts| match counts.arrive(limit, 0) {
            Arrival::Run(next) => Some(next),
            Arrival::Wait(_) | Arrival::Refuse => None,
        })?;
        Some(self.permit())
    }

    #[inline]
    fn permit(self: &Arc<Self>) -> Permit {
        Permit::new(self.clone())
    }

    /// Asks for a place, after there was none: waits for one if there is room to.
    #[inline]
    fn arrive_late(self: &Arc<Self>) -> Admission {
        let max_queue = self.max_queue.load(Relaxed);
        if self.rule().enforce().is_dry_run() {
            return Admission::Permit(self.run_beyond(max_queue));
        }
        if max_queue > 0 {
            let mut queue = self.lock();
            // Read under the lock: a new limit is stored before `configure` takes it, so whoever
            // still queues by an old limit is found there by `configure`.
            let limit = self.rule().promotes_to();
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
                    return Admission::Permit(self.permit());
                }
                let slot = Arc::<Slot>::default();
                queue.push_back(slot.clone());
                return Admission::Wait(Waiter::new(self.clone(), slot));
            }
        }
        match self.refuse(self.full()) {
            Some(rejection) => Admission::Refused(rejection),
            None => Admission::Permit(self.overrun()),
        }
    }

    fn full(&self) -> Kind {
        Kind::BulkheadFull {
            limit: self.limit.load(Relaxed) as usize,
        }
    }

    /// Lets a call in that found no place, in a dry run.
    #[cold]
    fn run_beyond(self: &Arc<Self>, max_queue: u32) -> Permit {
        let permit = self.overrun();
        let limit = self.limit.load(Relaxed);
        if !self.counts().would_wait(limit, max_queue) {
            self.would_have_refused(self.full());
        }
        permit
    }

    /// Lets a call run whatever the limit says.
    #[cold]
    fn overrun(self: &Arc<Self>) -> Permit {
        let at_once = self.update(|counts| (counts.waiting == 0).then(|| counts.overrun()));
        if at_once.is_none() {
            let _queue = self.lock();
            self.update(|counts| Some(counts.overrun()));
        }
        self.permit()
    }

    /// Turns a call away, if refusals count; else the call has to run.
    #[inline]
    pub(super) fn refuse(&self, kind: Kind) -> Option<Rejection> {
        let rule = self.rule();
        if !rule.is_enabled() || !rule.enforce().applies() {
            if rule.is_enabled() {
                self.would_have_refused(kind);
            }
            return None;
        }
        self.refused.fetch_add(1, Relaxed);
        self.emitter
            .emit(EventKind::CallRejected { kind: kind.clone() });
        // One wait from now, the queue has either moved or should not be waited for.
        let rejection = Rejection::new(kind, LAYER, self.emitter.name());
        Some(rejection.with_retry_after(Some(self.max_wait())))
    }

    #[cold]
    fn would_have_refused(&self, kind: Kind) {
        self.would_refuse.fetch_add(1, Relaxed);
        self.emitter.emit(EventKind::CallWouldBeRejected { kind });
    }

    #[cold]
    pub(super) fn tell_admitted(&self, waited: Duration) {
        self.emitter.emit(EventKind::CallAdmitted { waited });
    }

    #[cold]
    pub(super) fn tell_released(&self) {
        self.emitter.emit(EventKind::CallReleased);
    }

    /// Gives a place back.
    #[inline]
    pub(super) fn leave(&self) {
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
        let limit = self.rule().promotes_to();
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
    pub(super) fn give_up(&self, slot: &Arc<Slot>) {
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

    /// Somebody has waited long enough and runs, whatever the limit says, unless a place was handed
    /// over just before.
    pub(super) fn jump(&self, slot: &Arc<Slot>) {
        let mut queue = self.lock();
        if let Some(place) = queue.iter().position(|waiting| Arc::ptr_eq(waiting, slot)) {
            queue.remove(place);
            self.update(|counts| {
                Some(Counts {
                    waiting: counts.waiting - 1,
                    ..counts.overrun()
                })
            });
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
