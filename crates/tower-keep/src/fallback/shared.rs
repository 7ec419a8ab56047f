use std::fmt;

use super::{Failed, FallbackConfig, LAYER, store::Store};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU64, Relaxed},
        sync::{self, RwLock},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
};

/// What a layer, its clones, services and handles have in common. The numbers are read one by one and
/// guard no memory: relaxed.
pub(super) struct Shared {
    pub(super) emitter: Emitter,
    pub(super) store: Store,
    /// A copy, so that calls take no lock.
    enabled: AtomicBool,
    config: RwLock<FallbackConfig>,
    pub(super) answered: AtomicU64,
    pub(super) stale: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: FallbackConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            emitter: Emitter::new(LAYER),
            store: Store::default(),
            enabled: AtomicBool::new(config.enabled),
            config: RwLock::new(config),
            answered: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        })
    }

    #[inline]
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    pub(super) fn config(&self) -> FallbackConfig {
        *sync::read(&self.config)
    }

    pub(super) fn update(&self, config: FallbackConfig) -> Result<(), ConfigError> {
        config.check()?;
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.config);
        self.enabled.store(config.enabled, Relaxed);
        let old = std::mem::replace(&mut *current, config);
        drop(current);
        self.emitter.updated(&old, &config);
        Ok(())
    }

    pub(super) fn answered(&self, failed: &Failed, is_stale: bool) {
        self.answered.fetch_add(1, Relaxed);
        let cause = failed.as_str();
        self.emitter.emit(EventKind::FallbackAnswered { cause });
        if is_stale {
            self.stale.fetch_add(1, Relaxed);
            self.emitter.emit(EventKind::AnswerReused { from: "stale" });
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}
