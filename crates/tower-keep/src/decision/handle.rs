use std::sync::Arc;

use serde::Serialize;

use super::{DecisionConfig, shared::Shared};
use crate::{
    common::atomic::Relaxed,
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a decision layer and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct DecisionHandle {
    shared: Arc<Shared>,
}

/// How many calls were recorded, since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecisionSnapshot {
    /// Calls that are over.
    pub recorded: u64,
    /// Of these, the ones that were answered by a refusal.
    pub rejected: u64,
    /// Of these, the ones that nobody waited for.
    pub dropped: u64,
}

impl DecisionHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The counts right now.
    #[must_use]
    pub fn snapshot(&self) -> DecisionSnapshot {
        DecisionSnapshot {
            recorded: self.shared.recorded.load(Relaxed),
            rejected: self.shared.rejected.load(Relaxed),
            dropped: self.shared.dropped.load(Relaxed),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> DecisionConfig {
        self.shared.config()
    }

    /// Changes the configuration, for calls that arrive from now on.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: DecisionConfig) -> Result<(), ConfigError> {
        self.shared.update(config)
    }

    /// Hears of the calls that are remarkable from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.shared.emitter.subscribe(capacity)
    }
}

steerable!(DecisionHandle, DecisionConfig, |handle| &handle
    .shared
    .emitter);

impl Watch for DecisionHandle {
    /// Always normal: it turns nothing away.
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let summary = format!(
            "{} calls recorded, {} rejected, {} dropped",
            now.recorded, now.rejected, now.dropped
        );
        Vitals::new(&self.shared.emitter, Condition::Normal, summary)
    }
}
