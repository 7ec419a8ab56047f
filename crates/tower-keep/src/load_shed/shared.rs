use std::{
    sync::{Arc, OnceLock},
    task::Waker,
    time::Duration,
};

use super::{
    LAYER, LoadShedConfig, Permit, Pressure, Reason, Tenant,
    counts::{Counts, Gate},
    pressure::Gauge,
    state::{Queue, Terms},
    tenants::Tenants,
    wait::Slot,
};
use crate::{
    common::{
        atomic::{AcqRel, Acquire, AtomicU64, Relaxed},
        clock::{self, Instant},
        sync::{self, Mutex, MutexGuard, RwLock},
    },
    observe::{Emitter, EventKind},
};

/// The places, the queue for them, and what else decides who gets one.
///
/// While nobody waits, a call takes and returns its place with one compare-and-swap. As soon as one
/// waits, every change goes through the queue's lock, so nobody overtakes who should not.
pub(super) struct Shared {
    /// [`Counts`], packed. Changed by compare-and-swap only; acquire-release, so that what a call did
    /// before it left is seen by the one that takes its place. `waiting` is changed only with `line`
    /// locked, and is the length of its queue when that is free.
    counts: AtomicU64,
    /// [`Gate`]. Relaxed: a call that arrives during a change is judged by the old or the new one.
    /// Stored with `line` locked.
    gate: AtomicU64,
    pub(super) config: RwLock<LoadShedConfig>,
    line: Mutex<Line>,
    pub(super) gauge: Gauge,
    /// Made when the layer is told how to find out whose a call is.
    pub(super) tenants: OnceLock<Tenants>,
    /// Statistics; relaxed, they order nothing.
    shed: [AtomicU64; Reason::ALL.len()],
    born: Instant,
    pub(super) emitter: Emitter,
}

pub(super) struct Line {
    pub(super) queue: Queue<Arc<Slot>>,
    pub(super) terms: Terms,
}

impl Shared {
    pub(super) fn new(config: LoadShedConfig) -> Arc<Self> {
        let line = Line {
            queue: Queue::new(),
            terms: terms(&config),
        };
        let gauge = Gauge::default();
        gauge.configure(&config);
        let shared = Self {
            counts: AtomicU64::new(0),
            gate: AtomicU64::new(gate(&config).0),
            config: RwLock::new(config),
            line: Mutex::new(line),
            gauge,
            tenants: OnceLock::new(),
            shed: Default::default(),
            born: clock::now(),
            emitter: Emitter::new(LAYER),
        };
        Arc::new(shared)
    }

    /// Takes over a checked configuration. Whoever waits may have a place now; whoever runs keeps his.
    pub(super) fn configure(self: &Arc<Self>, new: LoadShedConfig) {
        let mut line = self.lock();
        line.terms = terms(&new);
        self.gauge.configure(&new);
        if let Some(tenants) = self.tenants.get() {
            tenants.configure(&new);
        }
        let before = self.gate();
        let gate = gate(&new).congested(before.is_congested());
        self.store_gate(if before.has_pressure() {
            gate.with_pressure()
        } else {
            gate
        });
        *sync::write(&self.config) = new;
        self.hand_over(line);
    }

    pub(super) fn add_pressure(&self, input: impl Pressure + 'static) {
        self.gauge.add(input);
        let _line = self.lock();
        self.store_gate(self.gate().with_pressure());
    }

    fn store_gate(&self, gate: Gate) {
        self.gate.store(gate.0, Relaxed);
    }

    pub(super) fn tell_tenants_apart(&self) {
        self.tenants
            .get_or_init(|| Tenants::new(&sync::read(&self.config)));
    }

    #[inline]
    pub(super) fn gate(&self) -> Gate {
        Gate(self.gate.load(Relaxed))
    }

    pub(super) fn config(&self) -> LoadShedConfig {
        sync::read(&self.config).clone()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts::unpack(self.counts.load(Relaxed))
    }

    pub(super) fn is_congested(&self) -> bool {
        let mut line = self.lock();
        let Line { queue, terms } = &mut *line;
        queue.look(terms, clock::now());
        let is = queue.is_congested();
        self.end_change(line);
        is
    }

    /// Ends a change of the queue: unlocks it, and tells everybody if it was or is congested.
    pub(super) fn end_change(&self, line: MutexGuard<'_, Line>) {
        let (was, is) = (self.gate().is_congested(), line.queue.is_congested());
        if was != is {
            self.store_gate(self.gate().congested(is));
        }
        drop(line);
        if was != is {
            self.tell_congestion(is);
        }
    }

    pub(super) fn count_shed(&self, reason: Reason) {
        self.shed[reason as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn shed_for(&self, reason: Reason) -> u64 {
        self.shed[reason as usize].load(Relaxed)
    }

    pub(super) fn known_tenants(&self) -> usize {
        self.tenants.get().map_or(0, Tenants::len)
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    pub(super) fn try_run(self: &Arc<Self>, limit: u32) -> Option<Permit> {
        self.update(|counts| counts.run(limit))?;
        Some(Permit::new(self.clone()))
    }

    /// Counts what a tenant has used.
    pub(super) fn used(&self, tenant: Tenant, since: Instant) {
        if let Some(tenants) = self.tenants.get() {
            let now = clock::now();
            let held = now.saturating_duration_since(since);
            tenants.add(tenant, held, self.age(now));
        }
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
        let line = self.lock();
        self.update(|counts| {
            Some(Counts {
                running: counts.running - 1,
                ..counts
            })
        });
        self.hand_over(line);
    }

    /// Lets those run whose turn it is, as far as there are places, and wakes them unlocked.
    fn hand_over(&self, mut line: MutexGuard<'_, Line>) {
        let now = clock::now();
        let limit = self.gate().limit();
        let mut woken = Vec::new();
        let mut shed = Vec::new();
        while self.counts().running < limit {
            let terms = line.terms;
            let Some(slot) = line.queue.next(&terms, now, &mut shed) else {
                break;
            };
            self.update(|counts| {
                Some(Counts {
                    running: counts.running + 1,
                    waiting: counts.waiting - 1,
                })
            });
            woken.extend(slot.run());
        }
        self.stop_waiting(shed.len());
        self.end_change(line);
        woken.into_iter().for_each(Waker::wake);
        for (slot, reason) in shed {
            if let Some(waker) = slot.shed(reason) {
                waker.wake();
            }
        }
    }

    /// So many are out of the queue, which is locked.
    pub(super) fn stop_waiting(&self, calls: usize) {
        if calls > 0 {
            self.update(|counts| {
                Some(Counts {
                    waiting: counts.waiting - calls as u32,
                    ..counts
                })
            });
        }
    }

    /// Takes a call out of the queue; `false` if its lot has been cast already.
    pub(super) fn withdraw(&self, slot: &Arc<Slot>, class: usize, is_late: bool) -> bool {
        let now = clock::now();
        let mut line = self.lock();
        let Line { queue, terms } = &mut *line;
        let removed = queue.remove(
            class,
            is_late,
            |waiting| Arc::ptr_eq(waiting, slot),
            terms,
            now,
        );
        self.stop_waiting(usize::from(removed.is_some()));
        self.end_change(line);
        removed.is_some()
    }

    #[cold]
    fn tell_congestion(&self, is: bool) {
        let (from, to, reason) = if is {
            let reason = "calls have been waiting for a whole interval";
            (FLOWING, CONGESTED, reason)
        } else {
            (CONGESTED, FLOWING, "nobody has to be shed any more")
        };
        self.emitter.emit(EventKind::StateChanged {
            from,
            to,
            level: u8::from(is),
            alarming: is,
            reason: reason.to_owned(),
        });
    }

    /// Changes the counts; `None` if `change` wants nothing changed.
    #[inline]
    pub(super) fn update(&self, mut change: impl FnMut(Counts) -> Option<Counts>) -> Option<u64> {
        self.counts
            .fetch_update(AcqRel, Acquire, |word| {
                change(Counts::unpack(word)).map(Counts::pack)
            })
            .ok()
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.born)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Line> {
        sync::lock(&self.line)
    }
}

fn gate(config: &LoadShedConfig) -> Gate {
    let limit = u32::try_from(config.max_concurrent).unwrap_or(u32::MAX);
    Gate::new(limit, config.enabled, config.read_header)
}

fn terms(config: &LoadShedConfig) -> Terms {
    Terms {
        max_queue: config.max_queue,
        target: config.target,
        interval: config.interval,
    }
}

const FLOWING: &str = "flowing";
const CONGESTED: &str = "congested";
