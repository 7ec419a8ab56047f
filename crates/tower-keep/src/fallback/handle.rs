use std::sync::Arc;

use serde::Serialize;

use super::{FallbackConfig, shared::Shared};
use crate::{
    common::atomic::Relaxed,
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a fallback layer and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct FallbackHandle {
    shared: Arc<Shared>,
}

/// A fallback layer at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FallbackSnapshot {
    /// How many calls it answered since the start.
    pub answered: u64,
    /// How many of them with an answer to an earlier call.
    pub stale: u64,
    /// How many good answers are kept.
    pub kept_answers: usize,
    /// How many bytes they take.
    pub kept_bytes: usize,
}

impl FallbackHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The layer right now.
    #[must_use]
    pub fn snapshot(&self) -> FallbackSnapshot {
        let (kept_answers, kept_bytes) = self.shared.store.size();
        FallbackSnapshot {
            answered: self.shared.answered.load(Relaxed),
            stale: self.shared.stale.load(Relaxed),
            kept_answers,
            kept_bytes,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> FallbackConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run. Smaller bounds hold from the next answer on that is
    /// kept.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: FallbackConfig) -> Result<(), ConfigError> {
        self.shared.update(config)
    }

    /// Forgets all answers that are kept.
    pub fn forget(&self) {
        self.shared.store.clear();
    }

    /// Hears what happens from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.shared.emitter.subscribe(capacity)
    }
}

impl Watch for FallbackHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let summary = format!(
            "{} calls answered in place of the service, {} answers kept",
            now.answered, now.kept_answers
        );
        Vitals::new(&self.shared.emitter, Condition::Normal, summary)
    }
}

steerable!(FallbackHandle, FallbackConfig, |handle| &handle
    .shared
    .emitter);
