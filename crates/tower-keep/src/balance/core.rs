use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    BalanceConfig, LAYER,
    endpoint::Endpoint,
    outlier::{Change, Fleet, Moment, Reason},
};
use crate::{
    common::{
        atomic::{Acquire, AtomicBool, AtomicU64, Relaxed, Release},
        clock::{self, Instant},
        notify::Notify,
        swap::{ArcSwap, Guard},
        sync::{self, Mutex, MutexGuard},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
    rejection::{Kind, Rejection},
};

/// What the services, handles and calls of a balancer share, whatever the endpoints' services are.
///
/// Calls read the configuration and the endpoints' words and take no lock. The lock is for what is
/// rare: endpoints that come and go, ejections, the end of an interval. It is never held while an
/// event is told or a service is dropped.
pub(super) struct Core {
    config: ArcSwap<BalanceConfig>,
    registry: Mutex<Registry>,
    /// When the fleet changes by itself, in milliseconds. A hint: whoever finds it passed asks the
    /// fleet under the lock.
    due: AtomicU64,
    /// Whether ejections are ignored. A hint as well.
    panicking: AtomicBool,
    refused: AtomicU64,
    /// For calls that wait: endpoints have come, gone or returned.
    pub(super) changed: Arc<Notify>,
    pub(super) emitter: Emitter,
    born: Instant,
    /// The same as [`clock::millis`] gives it.
    born_millis: u64,
}

struct Registry {
    fleet: Fleet,
    endpoints: Vec<Weak<Endpoint>>,
    /// What discovery said last, if it was an error.
    trouble: Option<String>,
}

impl Core {
    pub(super) fn new(config: BalanceConfig) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let fleet = Fleet::new(config.outlier.clone(), config.panic_threshold);
        let born = clock::now();
        Ok(Arc::new(Self {
            due: AtomicU64::new(whole_millis(fleet.due())),
            registry: Mutex::new(Registry {
                fleet,
                endpoints: Vec::new(),
                trouble: None,
            }),
            config: ArcSwap::from_pointee(config),
            panicking: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            changed: Arc::default(),
            emitter: Emitter::new(LAYER),
            born,
            born_millis: clock::millis(born),
        }))
    }

    #[inline]
    pub(super) fn config(&self) -> Guard<Arc<BalanceConfig>> {
        self.config.load()
    }

    pub(super) fn update(&self, config: BalanceConfig) -> Result<(), ConfigError> {
        config.check()?;
        let new = Arc::new(config);
        let now = self.since_born(clock::now());
        let old = self.change(|registry| {
            let outlier = new.outlier.clone();
            registry.fleet.update(outlier, new.panic_threshold, now);
            // With the lock held: of two updates at once one is in force, and all of it.
            self.config.swap(new.clone())
        });
        self.changed.notify_waiters();
        self.emitter.updated(&*old, &*new);
        Ok(())
    }

    /// A moment in milliseconds since it was made.
    #[inline]
    pub(super) fn millis(&self, moment: Instant) -> u64 {
        clock::millis(moment).saturating_sub(self.born_millis)
    }

    fn since_born(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.born)
    }

    #[inline]
    pub(super) fn is_panicking(&self) -> bool {
        self.panicking.load(Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Lets happen what time alone brings about: returns, comparisons.
    #[inline]
    pub(super) fn advance(&self, now: Instant) {
        // Pairs with the store in `change`: whoever sees a later moment sees what was done before.
        if self.millis(now) >= self.due.load(Acquire) {
            self.advance_due(now);
        }
    }

    #[cold]
    fn advance_due(&self, now: Instant) {
        let at = self.moment(now);
        self.change(|registry| {
            registry.fleet.take_back(at.now);
            if registry.fleet.is_sweep_due(at.now) {
                let alive = registry.endpoints.iter().filter_map(Weak::upgrade);
                let tallies: Vec<_> = alive.map(|one| (one.id, one.take_tally())).collect();
                registry.fleet.sweep(&tallies, at);
            }
        });
    }

    /// An endpoint has failed too often in a row.
    #[cold]
    pub(super) fn trip(&self, id: u64, reason: Reason, now: Instant) {
        let at = self.moment(now);
        self.change(|registry| registry.fleet.trip(id, reason, at));
    }

    pub(super) fn force_out(&self, name: &str) -> bool {
        self.by_name(name, Fleet::force_out)
    }

    pub(super) fn force_in(&self, name: &str) -> bool {
        self.by_name(name, Fleet::force_in)
    }

    fn by_name(&self, name: &str, work: impl Fn(&mut Fleet, u64)) -> bool {
        self.change(|registry| {
            let named = |one: &Arc<Endpoint>| one.name == name && !one.is_removed();
            let alive = registry.endpoints.iter().filter_map(Weak::upgrade);
            let ids: Vec<_> = alive.filter(named).map(|one| one.id).collect();
            for &id in &ids {
                work(&mut registry.fleet, id);
            }
            !ids.is_empty()
        })
    }

    /// Takes notice of an endpoint that has come.
    pub(super) fn add(&self, endpoint: &Arc<Endpoint>) {
        self.change(|registry| {
            registry.fleet.add(endpoint.id);
            registry.endpoints.push(Arc::downgrade(endpoint));
        });
        self.changed.notify_waiters();
        self.tell(endpoint, "added", "discovered".to_owned());
    }

    /// Takes notice of an endpoint that has gone.
    pub(super) fn remove(&self, endpoint: &Endpoint, reason: &str) {
        endpoint.remove();
        self.change(|registry| {
            registry.fleet.remove(endpoint.id);
            let id = endpoint.id;
            let is_other = |one: &Weak<Endpoint>| one.upgrade().is_some_and(|one| one.id != id);
            registry.endpoints.retain(is_other);
        });
        self.changed.notify_waiters();
        self.tell(endpoint, "removed", reason.to_owned());
    }

    /// Discovery has said something: an error, or not.
    pub(super) fn heard(&self, trouble: Option<String>) {
        let before = std::mem::replace(&mut self.lock().trouble, trouble.clone());
        if before.is_some() != trouble.is_some() {
            self.emitter.emit(EventKind::CheckChanged {
                check: "discovery".to_owned(),
                passing: trouble.is_none(),
                output: trouble.unwrap_or_else(|| "found endpoints again".to_owned()),
            });
        }
    }

    /// Turns a call away: there is nobody to send it to.
    pub(super) fn refuse(&self, now: Instant) -> Rejection {
        self.refused.fetch_add(1, Relaxed);
        let rejection = self.emitter.refuse(Kind::NoEndpoint);
        let left = self
            .next_return()
            .map(|next| next.saturating_duration_since(now));
        let retry_after = left.unwrap_or_else(|| self.config().max_wait);
        rejection.with_retry_after((!retry_after.is_zero()).then_some(retry_after))
    }

    /// When the first of those that are out comes back.
    pub(super) fn next_return(&self) -> Option<Instant> {
        Some(self.born + self.lock().fleet.next_return()?)
    }

    /// The endpoints and what discovery complains of.
    pub(super) fn endpoints(&self) -> (Vec<Arc<Endpoint>>, Option<String>) {
        let registry = self.lock();
        let alive = registry.endpoints.iter().filter_map(Weak::upgrade);
        (alive.collect(), registry.trouble.clone())
    }

    /// Works on the fleet, writes what follows where calls read it, and tells what happened.
    fn change<R>(&self, work: impl FnOnce(&mut Registry) -> R) -> R {
        let now = clock::now();
        let (result, told, endpoints, moved) = {
            let mut registry = self.lock();
            let result = work(&mut registry);
            let told = registry.fleet.take_changes();
            let endpoints: Vec<_> = registry
                .endpoints
                .iter()
                .filter_map(Weak::upgrade)
                .filter(|one| told.iter().any(|change| id_of(change) == one.id))
                .collect();
            for one in &endpoints {
                one.set_out(registry.fleet.out(one.id), self.millis(now));
            }
            for change in &told {
                // Else each failure that follows would be asked about again, and a share of one
                // in a hundred would sooner or later be all.
                if let Change::WouldBeEjected { id, reason } = change
                    && let Some(one) = endpoints.iter().find(|one| one.id == *id)
                {
                    one.begin_row(*reason);
                }
            }
            let panicking = registry.fleet.is_panicking();
            let panicked = self.panicking.swap(panicking, Relaxed);
            let moved = !told.is_empty() || panicked != panicking;
            self.due.store(whole_millis(registry.fleet.due()), Release);
            (result, told, endpoints, moved)
        };
        // Not at the end of each interval: who waits asks for it himself, and would wake himself.
        if moved {
            self.changed.notify_waiters();
        }
        for change in told {
            if let Some(one) = endpoints.iter().find(|one| one.id == id_of(&change)) {
                let (what, why) = in_words(&change);
                self.tell(one, what, why);
            }
        }
        result
    }

    fn tell(&self, endpoint: &Endpoint, change: &'static str, reason: String) {
        self.emitter.emit(EventKind::EndpointChanged {
            endpoint: endpoint.name.clone(),
            change,
            reason,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        sync::lock(&self.registry)
    }

    fn moment(&self, now: Instant) -> Moment {
        Moment {
            now: self.since_born(now),
            chance: fastrand::f64(),
            enforced: self.config().outlier.enforce.applies(),
        }
    }
}

/// Rounded up: a millisecond early it would be asked in vain.
fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn id_of(change: &Change) -> u64 {
    match *change {
        Change::Ejected { id, .. }
        | Change::WouldBeEjected { id, .. }
        | Change::ForcedOut { id }
        | Change::Returned { id, .. } => id,
    }
}

fn in_words(change: &Change) -> (&'static str, String) {
    match change {
        Change::Ejected { reason, lasts, .. } => (
            "ejected",
            format!("{reason}; for {:.1} s", lasts.as_secs_f64()),
        ),
        Change::WouldBeEjected { reason, .. } => ("would_be_ejected", reason.to_string()),
        Change::ForcedOut { .. } => ("ejected", "by hand".to_owned()),
        Change::Returned { forced: true, .. } => ("returned", "by hand".to_owned()),
        Change::Returned { forced: false, .. } => ("returned", "its time is up".to_owned()),
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("name", &self.emitter.name())
            .field("endpoints", &self.lock().endpoints.len())
            .finish_non_exhaustive()
    }
}
