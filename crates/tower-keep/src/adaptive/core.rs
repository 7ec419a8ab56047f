use std::{
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{
    AdaptiveConfig, Failures, LAYER, Measure, Permit,
    meter::Meter,
    partition::{Partitions, Tag},
    state::{Boxed, Change, Machine},
};
use crate::{
    common::{
        atomic::{AtomicU8, AtomicU32, AtomicU64, Relaxed},
        clock,
        permits::{Queue, Room, Waiter},
        sync::{self, Mutex},
    },
    config::{ConfigError, Enforce},
    observe::{Emitter, EventKind},
    rejection::{Kind, Rejection},
};

/// A limit: its places, what is measured of those who have them, and what moves it.
pub(super) struct Core {
    pub(super) emitter: Emitter,
    /// Their limit is [`UNLIMITED`] while the layer is off.
    pub(super) places: Room<Queue<Tag>>,
    pub(super) partitions: Partitions,
    pub(super) meter: Meter,
    /// Never locked over the algorithm, which may be anybody's code.
    pub(super) machine: Mutex<Machine>,
    config: Mutex<AdaptiveConfig>,
    /// Whether the algorithm is the user's own and not that of the configuration.
    has_own_algorithm: bool,
    /// What calls need of the configuration. Each is read on its own and pairs with nothing.
    enforce: AtomicU8,
    pub(super) max_wait_nanos: AtomicU64,
    queue_from: AtomicU32,
    measure: AtomicU8,
    failures: AtomicU8,
    /// Statistics; relaxed, they order nothing.
    refused: AtomicU64,
}

/// The limit of a layer that is off; no configuration has it.
const UNLIMITED: u32 = u32::MAX;

/// What became of a call that asked for a place.
pub(super) enum Admission {
    Permit(Permit),
    Wait(Waiter<Core>),
    Refused(Rejection),
}

impl Core {
    pub(super) fn new(
        config: AdaptiveConfig,
        algorithm: Option<Boxed>,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        Ok(Self::unchecked(config, algorithm, Emitter::new(LAYER)))
    }

    /// A fresh one for a key. An algorithm of the user's own is one limit's: others are made by the
    /// configuration.
    pub(super) fn fork(&self, key: &str, config: AdaptiveConfig) -> Arc<Self> {
        Self::unchecked(config, None, self.emitter.for_key(key))
    }

    /// Whether it has learnt nothing yet.
    pub(super) fn is_fresh(&self) -> bool {
        let initial = self.config().initial_limit;
        let machine = sync::lock(&self.machine);
        machine.step.baseline.is_none() && machine.limit() as usize == initial
    }

    fn unchecked(config: AdaptiveConfig, algorithm: Option<Boxed>, emitter: Emitter) -> Arc<Self> {
        let has_own_algorithm = algorithm.is_some();
        let algorithm = algorithm.unwrap_or_else(|| config.algorithm.build(None));
        let core = Self {
            emitter,
            places: Room::new(Queue::new()),
            partitions: Partitions::new(&config.partitions),
            meter: Meter::new(),
            machine: Mutex::new(Machine::new(config.bounds(), algorithm)),
            has_own_algorithm,
            enforce: AtomicU8::new(0),
            max_wait_nanos: AtomicU64::new(0),
            queue_from: AtomicU32::new(0),
            measure: AtomicU8::new(0),
            failures: AtomicU8::new(0),
            refused: AtomicU64::new(0),
            config: Mutex::new(config),
        };
        core.settle();
        core.open_window(clock::nanos_now());
        Arc::new(core)
    }

    pub(super) fn config(&self) -> AdaptiveConfig {
        sync::lock(&self.config).clone()
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Takes over another configuration; what is known and who is in stays.
    pub(super) fn update(&self, config: &AdaptiveConfig) -> Result<(), ConfigError> {
        self.check(config)?;
        let old = self.config();
        self.configure(config);
        self.emitter.updated(&old, config);
        Ok(())
    }

    /// Whether it can take this configuration over.
    pub(super) fn check(&self, config: &AdaptiveConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.config();
        if !old.partitions.keys().eq(config.partitions.keys()) {
            return Err(ConfigError::new(
                LAYER,
                "partitions",
                "have other names: only percentages can change while calls run, make a new layer",
            ));
        }
        Ok(())
    }

    /// Takes over a checked configuration.
    pub(super) fn configure(&self, config: &AdaptiveConfig) {
        // Both locked, so that of two changes at once one is in force and all of it.
        let mut machine = sync::lock(&self.machine);
        let old = mem::replace(&mut *sync::lock(&self.config), config.clone());
        let algorithm = (!self.has_own_algorithm && old.algorithm != config.algorithm)
            .then(|| config.algorithm.build(machine.step.baseline));
        let change = machine.configure(config.bounds(), algorithm);
        drop(machine);
        if config.enabled && !old.enabled {
            let now = clock::nanos_now();
            self.meter
                .take(now, config.quantile, self.places.counts().running);
            self.open_window(now);
        }
        self.settle();
        self.tell(change);
    }

    /// Has the configuration and the limit apply to calls.
    fn settle(&self) {
        // As in `apply`.
        loop {
            let config = self.config();
            self.enforce.store(config.enforce.as_percent(), Relaxed);
            self.max_wait_nanos
                .store(clock::whole_nanos(config.max_wait), Relaxed);
            self.measure.store(config.measure as u8, Relaxed);
            self.failures.store(config.failures as u8, Relaxed);
            let min_samples = u32::try_from(config.min_samples).unwrap_or(u32::MAX);
            self.meter.require(min_samples);
            self.partitions.configure(&config.partitions);
            self.apply();
            if self.config() == config {
                return;
            }
        }
    }

    /// Has the limit apply to calls.
    fn apply(&self) {
        // Two may do so at once: the last one to look finds that nothing is left to do.
        loop {
            let limit = sync::lock(&self.machine).limit();
            let terms = || {
                let config = sync::lock(&self.config);
                (config.enabled, config.queue_from, config.queue_to)
            };
            let before = terms();
            let (is_on, from, to) = before;
            let queue = |multiple: f64| (multiple * f64::from(limit)).ceil() as u32;
            self.queue_from.store(queue(from), Relaxed);
            self.partitions.divide(limit);
            let limit_for_calls = if is_on { limit } else { UNLIMITED };
            self.places
                .configure(limit_for_calls, queue(to), self.turn());
            let is_same = terms() == before && sync::lock(&self.machine).limit() == limit;
            if is_same && self.partitions.are_divided(limit) {
                return;
            }
        }
    }

    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.places.limit() != UNLIMITED
    }

    pub(super) fn measures_to_the_end(&self) -> bool {
        self.measure.load(Relaxed) == Measure::End as u8
    }

    pub(super) fn counts_failure(&self, failures: Failures) -> bool {
        self.failures.load(Relaxed) == failures as u8
    }

    /// Takes a place if one is free, nobody waits for it and nobody wants to be told: the usual case.
    #[inline]
    pub(super) fn try_run_unseen(self: &Arc<Self>) -> Option<Permit> {
        if self.emitter.wants_calls() {
            return None;
        }
        self.try_run().then(|| Permit::new(self.clone(), None))
    }

    /// Takes a place if one is free and nobody waits for it.
    #[inline]
    fn try_run(&self) -> bool {
        let has_place = self.places.try_run();
        if has_place {
            self.meter.in_flight(self.places.running());
        }
        has_place
    }

    /// Asks for a place.
    pub(super) fn arrive(self: &Arc<Self>, tag: Tag) -> Admission {
        if self.partitions.claim(tag) {
            return Admission::Permit(self.run_anyway(tag));
        }
        if self.try_run() {
            self.partitions.runs(tag);
            return Admission::Permit(Permit::new(self.clone(), tag));
        }
        self.arrive_late(tag)
    }

    /// Has a call run that has its place counted, however many do.
    fn run_anyway(self: &Arc<Self>, tag: Tag) -> Permit {
        self.places.run_anyway(self.turn());
        self.meter.in_flight(self.places.running());
        Permit::new(self.clone(), tag)
    }

    /// Asks for a place, after there was none: waits for one if there is room to.
    fn arrive_late(self: &Arc<Self>, tag: Tag) -> Admission {
        let kind = Kind::ConcurrencyLimited {
            limit: self.places.limit() as usize,
        };
        if !Enforce::percent(self.enforce.load(Relaxed)).applies() {
            self.emitter.emit(EventKind::CallWouldBeRejected { kind });
            self.partitions.runs(tag);
            return Admission::Permit(self.run_anyway(tag));
        }
        if self.is_turned_away_by_chance() {
            return Admission::Refused(self.refuse(kind));
        }
        // Before it can be handed a place, which takes it off again.
        self.partitions.waits(tag);
        self.queue_up(tag, kind)
    }

    /// Waits for a place if there is room to, for a call that its partition counts as one that waits.
    pub(super) fn queue_up(self: &Arc<Self>, tag: Tag, kind: Kind) -> Admission {
        match self.places.queue_up(tag, self.turn()) {
            Some(slot) => Admission::Wait(Waiter::new(self.clone(), slot)),
            None => {
                self.partitions.waits_no_more(tag);
                Admission::Refused(self.refuse(kind))
            }
        }
    }

    /// The longer the queue, the likelier; so that callers feel it before it is full, and not all at
    /// once.
    fn is_turned_away_by_chance(&self) -> bool {
        let waiting = self.places.waiting();
        let from = self.queue_from.load(Relaxed);
        let to = self.places.max_queue();
        waiting >= from && waiting < to && {
            let share = f64::from(waiting - from) / f64::from(to - from);
            share > 0.0 && fastrand::f64() < share
        }
    }

    /// Turns a call away.
    pub(super) fn refuse(&self, kind: Kind) -> Rejection {
        self.refused.fetch_add(1, Relaxed);
        // By then, those that are in have been answered.
        let after = self.meter.recent().max(SOON);
        self.emitter.refuse(kind).with_retry_after(Some(after))
    }

    /// Gives a place back.
    #[inline]
    pub(super) fn leave(&self, tag: Tag) {
        if tag.is_some() {
            self.partitions.leaves(tag);
        }
        self.places.give_back(self.turn());
    }

    #[inline]
    fn turn(&self) -> impl Fn(&Queue<Tag>, bool) -> Option<usize> {
        |queue, is_free| self.partitions.turn(queue, is_free)
    }

    /// A good answer.
    #[inline]
    pub(super) fn answered(&self, began: u64, now: u64) {
        if self.meter.answered(began, now) {
            self.end_window(now);
        }
    }

    /// A call for which there was no time or no room.
    #[cold]
    pub(super) fn dropped(&self, began: u64, now: u64) {
        if self.meter.dropped(began, now) {
            self.end_window(now);
        }
    }

    #[cold]
    fn end_window(&self, now: u64) {
        if !self.meter.claim(now) {
            return;
        }
        let quantile = sync::lock(&self.config).quantile;
        let window = self.meter.take(now, quantile, self.places.counts().running);
        let begun = window.and_then(|window| sync::lock(&self.machine).begin(&window));
        let mut change = None;
        if let Some((mut algorithm, limit, sample)) = begun {
            // A bug in it must not become the failure of the call that happened to end the window.
            let step = catch_unwind(AssertUnwindSafe(|| algorithm.next(limit, &sample))).ok();
            let mut machine = sync::lock(&self.machine);
            change = machine.finish(algorithm, sample, step);
            self.meter.learned(machine.step.baseline, sample.latency);
        }
        if let Some(change) = change {
            if change.to < change.from {
                self.meter.decreased(now);
            }
            self.apply();
        }
        self.open_window(now);
        self.tell(change);
    }

    fn open_window(&self, now: u64) {
        let (shortest, longest) = {
            let config = sync::lock(&self.config);
            (config.window, config.max_window)
        };
        self.meter.open(now, shortest, longest);
    }

    fn tell(&self, change: Option<Change>) {
        if let Some(Change { from, to, reason }) = change {
            self.emitter.emit(EventKind::LimitChanged {
                from: from as usize,
                to: to as usize,
                reason,
            });
        }
    }
}

/// The shortest time after which a refused call is asked to come back.
const SOON: Duration = Duration::from_millis(100);

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive")
            .field("limit", &self.places.limit())
            .field("counts", &self.places.counts())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}
