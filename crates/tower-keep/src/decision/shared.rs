use std::sync::Arc;

use super::{DecisionConfig, LAYER};
use crate::{
    common::{
        atomic::{AtomicU64, AtomicUsize, Relaxed},
        sync::{self, Mutex},
    },
    config::ConfigError,
    observe::{Decision, Emitter, Ending, EventKind},
};

/// What all clones of a layer share. Relaxed: each is read on its own and orders nothing.
#[derive(Debug)]
pub(super) struct Shared {
    /// 0 if calls are not recorded.
    room: AtomicUsize,
    max_entries: AtomicUsize,
    /// Held by whoever changes them.
    changing: Mutex<()>,
    pub(super) recorded: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) emitter: Emitter,
}

impl Shared {
    pub(super) fn new(config: DecisionConfig) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let shared = Self {
            room: AtomicUsize::new(0),
            max_entries: AtomicUsize::new(0),
            changing: Mutex::new(()),
            recorded: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            emitter: Emitter::new(LAYER),
        };
        shared.store(config);
        Ok(Arc::new(shared))
    }

    fn store(&self, config: DecisionConfig) {
        let room = if config.enabled {
            config.max_entries
        } else {
            0
        };
        // Of two updates at once one is in force, and all of it.
        let _changing = sync::lock(&self.changing);
        self.room.store(room, Relaxed);
        self.max_entries.store(config.max_entries, Relaxed);
    }

    pub(super) fn config(&self) -> DecisionConfig {
        DecisionConfig {
            enabled: self.room.load(Relaxed) > 0,
            max_entries: self.max_entries.load(Relaxed),
        }
    }

    pub(super) fn update(&self, config: DecisionConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.config();
        self.store(config);
        self.emitter.updated(&old, &config);
        Ok(())
    }

    #[inline]
    pub(super) fn is_off(&self) -> bool {
        self.room.load(Relaxed) == 0
    }

    /// A record for a call that begins, if calls are recorded.
    #[inline]
    pub(super) fn begin(&self) -> Option<Decision> {
        let room = self.room.load(Relaxed);
        (room > 0).then(|| Decision::with_capacity(room))
    }

    /// A call is over.
    pub(super) fn explain(&self, decision: Decision, ending: Ending) {
        decision.ended(ending);
        self.recorded.fetch_add(1, Relaxed);
        if ending == Ending::Dropped {
            self.dropped.fetch_add(1, Relaxed);
        }
        if decision.rejection().is_some() {
            self.rejected.fetch_add(1, Relaxed);
        }
        self.emitter.emit(EventKind::CallExplained { decision });
    }
}
