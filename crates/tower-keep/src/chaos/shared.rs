use std::{fmt, mem, sync::Arc, time::Duration};

use super::{ChaosConfig, Fault, LAYER, Secret, dice};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Relaxed},
        sync::{self, RwLock},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
    protocol::Head,
};

pub(super) type Rule = dyn Fn(&Head<'_>) -> bool + Send + Sync;
pub(super) type Stop = dyn Fn() -> bool + Send + Sync;

/// What a layer, its clones, services and handles have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) live: Arc<Live>,
    pub(super) only: Option<Arc<Rule>>,
    pub(super) unless: Option<Arc<Stop>>,
    pub(super) secret: Option<Arc<Secret>>,
}

/// What changes while calls run. The numbers are read one by one and guard no memory: relaxed.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    config: RwLock<Arc<ChaosConfig>>,
    /// Copies of what every call asks for, so that only calls that suffer take the lock: the rate,
    /// as the bits of a float, and the seed.
    pub(super) rate: AtomicU64,
    seed: AtomicU64,
    pub(super) is_on: AtomicBool,
    /// How many choices were made: the place of the next in the sequence of the seed.
    choices: AtomicU64,
    active: AtomicUsize,
    injected: AtomicU64,
}

/// A place among the calls that may suffer at once.
#[derive(Debug)]
pub(super) struct Place(Arc<Live>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

/// What one call suffers.
#[derive(Debug)]
pub(super) struct Suffering {
    pub(super) fault: Fault,
    /// How late, if that is the fault.
    pub(super) latency: Duration,
    pub(super) place: Place,
}

impl Shared {
    pub(super) fn new(config: ChaosConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            live: Arc::new(Live {
                emitter: Emitter::new(LAYER),
                rate: AtomicU64::new(rate_bits(&config)),
                seed: AtomicU64::new(seed(&config)),
                is_on: AtomicBool::new(config.enabled),
                config: RwLock::new(Arc::new(config)),
                choices: AtomicU64::new(0),
                active: AtomicUsize::new(0),
                injected: AtomicU64::new(0),
            }),
            only: None,
            unless: None,
            secret: None,
        })
    }

    /// What this call suffers, if anything.
    #[inline]
    pub(super) fn choose<'a>(&self, head: impl FnOnce() -> Option<Head<'a>>) -> Option<Suffering> {
        if !self.live.is_on.load(Relaxed) {
            return None;
        }
        self.choose_among(head())
    }

    fn choose_among(&self, head: Option<Head<'_>>) -> Option<Suffering> {
        let asked = self.secret.as_ref().zip(head.as_ref());
        let asked = asked.and_then(|(secret, head)| secret.fault_in(head.headers));
        let nth = self.live.choices.fetch_add(1, Relaxed);
        let seed = self.live.seed.load(Relaxed);
        let roll = |salt: u64| dice::roll(seed ^ salt, nth);
        if asked.is_none() {
            let narrowed = self.only.as_ref().zip(head.as_ref());
            if dice::share(roll(0)) >= f64::from_bits(self.live.rate.load(Relaxed))
                || narrowed.is_some_and(|(only, head)| !only(head))
            {
                return None;
            }
        }
        let config = self.live.config();
        let fault = match asked {
            Some(fault) => fault,
            // None if the configuration has just changed.
            None => config
                .faults
                .get(dice::pick(roll(1), config.faults.len()))?
                .clone(),
        };
        if self.unless.as_ref().is_some_and(|unless| unless()) {
            return None;
        }
        let place = self.live.place(config.max_active)?;
        let latency = match fault {
            Fault::Latency { min, max } => min + (max - min).mul_f64(dice::share(roll(2))),
            _ => Duration::ZERO,
        };
        self.live.injected.fetch_add(1, Relaxed);
        self.live.emitter.emit(EventKind::FaultInjected {
            fault: fault.as_str(),
        });
        Some(Suffering {
            fault,
            latency,
            place,
        })
    }
}

impl Live {
    pub(super) fn config(&self) -> Arc<ChaosConfig> {
        sync::read(&self.config).clone()
    }

    /// Takes over what `change` makes of the configuration in force; answers that one and the new one.
    ///
    /// Nobody else changes it in between: of two changes at once one is made of what the other left.
    pub(super) fn configure(
        &self,
        change: impl FnOnce(&ChaosConfig) -> ChaosConfig,
    ) -> [Arc<ChaosConfig>; 2] {
        // Held until the copies are written: what is in force is all of one configuration.
        let mut current = sync::write(&self.config);
        let new = Arc::new(change(&current));
        self.rate.store(rate_bits(&new), Relaxed);
        self.seed.store(seed(&new), Relaxed);
        self.is_on.store(new.enabled, Relaxed);
        [mem::replace(&mut *current, new.clone()), new]
    }

    fn place(self: &Arc<Self>, max_active: usize) -> Option<Place> {
        let one_more = |active| (active < max_active).then_some(active + 1);
        let taken = self.active.fetch_update(Relaxed, Relaxed, one_more);
        taken.is_ok().then(|| Place(self.clone()))
    }

    pub(super) fn active(&self) -> usize {
        self.active.load(Relaxed)
    }

    pub(super) fn injected(&self) -> u64 {
        self.injected.load(Relaxed)
    }
}

fn rate_bits(config: &ChaosConfig) -> u64 {
    if config.faults.is_empty() {
        0
    } else {
        config.rate.to_bits()
    }
}

fn seed(config: &ChaosConfig) -> u64 {
    config.seed.unwrap_or_else(|| fastrand::u64(..))
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("config", &self.config())
            .field("active", &self.active())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.live.fmt(f)
    }
}
