use std::sync::Arc;

use super::{AdaptiveConfig, AdaptiveSnapshot, core::Core};
use crate::{
    config::{ConfigError, steerable},
    observe::{Subscription, Vitals, Watch},
};

/// Looks at an adaptive limit and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct AdaptiveHandle {
    core: Arc<Core>,
}

impl AdaptiveHandle {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The limit right now, and what it was made of.
    #[must_use]
    pub fn snapshot(&self) -> AdaptiveSnapshot {
        AdaptiveSnapshot::of(&self.core)
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> AdaptiveConfig {
        self.core.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// The limit stays what it is as far as the new bounds let it, and the baseline stays too, even if
    /// the algorithm changes. Running calls keep their places.
    ///
    /// # Errors
    /// If a field is out of range or partitions have other names; nothing is changed then.
    pub fn update(&self, config: AdaptiveConfig) -> Result<(), ConfigError> {
        self.core.update(&config)
    }

    /// Hears what happens from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.core.emitter.subscribe(capacity)
    }
}

impl Watch for AdaptiveHandle {
    fn vitals(&self) -> Vitals {
        self.snapshot().vitals(&self.core)
    }
}

steerable!(AdaptiveHandle, AdaptiveConfig, |handle| &handle.core.emitter, alternatives: ["algorithm"]);
