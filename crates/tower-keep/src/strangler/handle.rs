use std::sync::Arc;

use serde::Serialize;

use super::{StranglerConfig, shared::Live};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a strangler and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct StranglerHandle {
    live: Arc<Live>,
}

/// A strangler at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StranglerSnapshot {
    /// How many calls went to the old service since the start.
    pub old: u64,
    /// How many went to the new one.
    pub new: u64,
    /// How many calls are in the shadow now.
    pub shadows: usize,
    /// How many comparisons found no difference.
    pub matched: u64,
    /// How many found one.
    pub differed: u64,
}

impl StranglerHandle {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// The strangler right now.
    #[must_use]
    pub fn snapshot(&self) -> StranglerSnapshot {
        let [old, new, matched, differed] = self.live.counts();
        StranglerSnapshot {
            old,
            new,
            shadows: self.live.shadows(),
            matched,
            differed,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> StranglerConfig {
        self.live.config()
    }

    /// Changes the configuration while calls run; those that run stay where they are.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: StranglerConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.config();
        self.live.configure(config);
        self.live.emitter.updated(&old, &config);
        Ok(())
    }

    /// Hears what happens from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.live.emitter.subscribe(capacity)
    }
}

impl Watch for StranglerHandle {
    fn vitals(&self) -> Vitals {
        let (now, config) = (self.snapshot(), self.config());
        let share = if config.enabled { config.percent } else { 0.0 };
        let summary = format!(
            "{share} % to the new service; {} comparisons the same, {} not",
            now.matched, now.differed
        );
        Vitals::new(&self.live.emitter, Condition::Normal, summary)
    }
}

steerable!(StranglerHandle, StranglerConfig, |handle| &handle
    .live
    .emitter);
