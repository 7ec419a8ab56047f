use std::{sync::Arc, time::Duration};

use super::{BulkheadConfig, LAYER, permit::Permit, state::Rule};
use crate::{
    common::{
        atomic::{AtomicU32, AtomicU64, Relaxed},
        clock,
        permits::{Counts, Owned, Waiter},
        sync::{self, Mutex},
    },
    config::Enforce,
    observe::{Emitter, EventKind},
    rejection::{Kind, Rejection, Short, Why},
};

/// The places of a bulkhead, and what happens to calls that find none.
pub(super) struct Permits {
    pub(super) room: Owned,
    config: Mutex<BulkheadConfig>,
    /// What calls need of it. Each is read on its own and pairs with nothing; a call that arrives during
    /// a change is judged by the old or the new value.
    rule: AtomicU64,
    max_queue: AtomicU32,
    max_wait_nanos: AtomicU64,
    /// Statistics; relaxed, it orders nothing.
    would_refuse: AtomicU64,
    pub(super) emitter: Emitter,
}

/// All places are taken.
#[derive(Clone, Copy)]
pub(super) struct Full {
    limit: u32,
}

impl Why for Full {
    const LAYER: &'static str = LAYER;

    #[inline]
    fn kind(self) -> Kind {
        Kind::BulkheadFull {
            limit: self.limit as usize,
        }
    }
}

/// What became of a call that asked for a place.
pub(super) enum Admission {
    Permit(Permit),
    Wait(Waiter<Permits>),
    Refused(Rejection),
}

impl Permits {
    pub(super) fn new(config: &BulkheadConfig, emitter: Emitter) -> Arc<Self> {
        let permits = Self {
            room: Owned::new(word(config.max_concurrent), &emitter),
            config: Mutex::new(config.clone()),
            rule: AtomicU64::new(0),
            max_queue: AtomicU32::new(0),
            max_wait_nanos: AtomicU64::new(0),
            would_refuse: AtomicU64::new(0),
            emitter,
        };
        permits.apply();
        Arc::new(permits)
    }

    /// Takes over a checked configuration. Whoever waits may have a place now; whoever runs keeps his.
    pub(super) fn configure(&self, config: &BulkheadConfig) {
        *sync::lock(&self.config) = config.clone();
        self.apply();
    }

    /// Has the configuration apply to calls.
    fn apply(&self) {
        // Two may do so at once: the last one to look finds that nothing is left to do. No lock is held,
        // since those whose turn comes are woken.
        loop {
            let config = self.config();
            let (limit, max_queue) = (word(config.max_concurrent), word(config.max_queue));
            let rule = Rule::new(config.enabled, config.enforce, limit);
            self.rule.store(rule.to_word(), Relaxed);
            self.max_queue.store(max_queue, Relaxed);
            self.max_wait_nanos
                .store(clock::whole_nanos(config.max_wait), Relaxed);
            if config.enforce.is_dry_run() {
                // Nobody waits in a dry run.
                self.room.change(rule.limit(), 0);
                self.room.run_all();
            } else {
                self.room.change(rule.limit(), max_queue);
            }
            if self.config() == config {
                return;
            }
        }
    }

    pub(super) fn config(&self) -> BulkheadConfig {
        sync::lock(&self.config).clone()
    }

    #[inline]
    pub(super) fn rule(&self) -> Rule {
        Rule::from_word(self.rule.load(Relaxed))
    }

    pub(super) fn counts(&self) -> Counts {
        self.room.counts()
    }

    pub(super) fn max_wait(&self) -> Duration {
        Duration::from_nanos(self.max_wait_nanos.load(Relaxed))
    }

    pub(super) fn refused(&self) -> u64 {
        self.room.refused()
    }

    pub(super) fn would_refuse(&self) -> u64 {
        self.would_refuse.load(Relaxed)
    }

    /// Asks for a place.
    #[inline]
    pub(super) fn arrive(self: &Arc<Self>) -> Admission {
        match self.room.try_take() {
            Some(place) => Admission::Permit(Permit::new(place)),
            None => self.arrive_late(),
        }
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    pub(super) fn try_run(&self) -> Option<Permit> {
        self.room.try_take().map(Permit::new)
    }

    /// Turns a call away that found no place, if that is what is done with every such call.
    #[cold]
    #[inline(never)]
    pub(super) fn turn_away(&self) -> Option<Short<Full>> {
        let rule = self.rule();
        let is_usual = rule.is_enabled() && rule.enforce() == Enforce::ALL;
        if !is_usual || self.max_queue.load(Relaxed) > 0 {
            return None;
        }
        self.room.count_refused();
        Some(Short::new(self.full(), self.max_wait(), &self.emitter))
    }

    /// Asks for a place, after there was none: waits for one if there is room to.
    pub(super) fn arrive_late(self: &Arc<Self>) -> Admission {
        if self.rule().enforce().is_dry_run() {
            return Admission::Permit(self.run_beyond());
        }
        if let Some(slot) = self.room.queue_up_in_order() {
            return Admission::Wait(Waiter::new(self.clone(), slot));
        }
        match self.refuse(self.full().kind()) {
            Some(rejection) => Admission::Refused(rejection),
            None => Admission::Permit(self.overrun()),
        }
    }

    fn full(&self) -> Full {
        Full {
            limit: self.rule().limit(),
        }
    }

    /// Lets a call in that found no place, in a dry run.
    #[cold]
    fn run_beyond(&self) -> Permit {
        let permit = self.overrun();
        let limit = self.rule().limit();
        let max_queue = self.max_queue.load(Relaxed);
        if !self.counts().would_wait(limit, max_queue) {
            self.would_have_refused(self.full().kind());
        }
        permit
    }

    /// Lets a call run whatever the limit says.
    #[cold]
    fn overrun(&self) -> Permit {
        Permit::new(self.room.take_anyway())
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
        self.room.count_refused();
        // One wait from now, the queue has either moved or should not be waited for.
        let after = Some(self.max_wait());
        Some(self.emitter.refuse(kind).with_retry_after(after))
    }

    #[cold]
    fn would_have_refused(&self, kind: Kind) {
        self.would_refuse.fetch_add(1, Relaxed);
        self.emitter.emit(EventKind::CallWouldBeRejected { kind });
    }
}

fn word(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
