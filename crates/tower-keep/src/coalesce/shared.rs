use std::{fmt, sync::Arc, time::Duration};

use http::HeaderName;

use super::{CoalesceConfig, LAYER};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Relaxed},
        sync::{self, RwLock},
    },
    config::ConfigError,
    observe::Emitter,
};

/// What a layer, its clones, services and handles have in common, whatever the answers are.
///
/// The counts guard no memory: relaxed.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    /// A copy of what every call asks for.
    enabled: AtomicBool,
    settings: RwLock<Arc<Settings>>,
    keys: AtomicUsize,
    waiting: AtomicUsize,
    shared: AtomicU64,
    handovers: AtomicU64,
    alone: AtomicU64,
}

pub(super) struct Settings {
    pub(super) config: CoalesceConfig,
    pub(super) vary: Vec<HeaderName>,
}

impl Live {
    pub(super) fn new(config: CoalesceConfig) -> Result<Self, ConfigError> {
        let vary = config.check()?;
        Ok(Self {
            emitter: Emitter::new(LAYER),
            enabled: AtomicBool::new(config.enabled),
            settings: RwLock::new(Arc::new(Settings { config, vary })),
            keys: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            shared: AtomicU64::new(0),
            handovers: AtomicU64::new(0),
            alone: AtomicU64::new(0),
        })
    }

    #[inline]
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        sync::read(&self.settings).clone()
    }

    pub(super) fn update(&self, config: CoalesceConfig) -> Result<(), ConfigError> {
        let vary = config.check()?;
        let new = Arc::new(Settings { config, vary });
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.settings);
        self.enabled.store(new.config.enabled, Relaxed);
        let old = std::mem::replace(&mut *current, new.clone());
        drop(current);
        self.emitter.updated(&old.config, &new.config);
        Ok(())
    }

    pub(super) fn max_waiters(&self) -> usize {
        sync::read(&self.settings).config.max_waiters
    }

    pub(super) fn max_wait(&self) -> Duration {
        sync::read(&self.settings).config.max_wait
    }

    pub(super) fn max_failures(&self) -> u32 {
        sync::read(&self.settings).config.max_failures
    }

    /// Room for one more key, if there is.
    pub(super) fn take_key(&self) -> bool {
        let max = sync::read(&self.settings).config.max_keys;
        let one_more = |keys| (keys < max).then_some(keys + 1);
        self.keys.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    pub(super) fn give_key_back(&self) {
        self.keys.fetch_sub(1, Relaxed);
    }

    pub(super) fn waiting_changed(&self, by: isize) {
        // Wraps as a subtraction does.
        self.waiting.fetch_add(by as usize, Relaxed);
    }

    pub(super) fn count_shared(&self) {
        self.shared.fetch_add(1, Relaxed);
    }

    pub(super) fn count_handover(&self) {
        self.handovers.fetch_add(1, Relaxed);
    }

    pub(super) fn count_alone(&self) {
        self.alone.fetch_add(1, Relaxed);
    }

    pub(super) fn counts(&self) -> super::CoalesceSnapshot {
        super::CoalesceSnapshot {
            in_flight: self.keys.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            shared: self.shared.load(Relaxed),
            handovers: self.handovers.load(Relaxed),
            alone: self.alone.load(Relaxed),
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("counts", &self.counts())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}
