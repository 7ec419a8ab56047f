use std::sync::Arc;

use serde::Serialize;

use super::{CoalesceConfig, shared::Live};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at shared calls and steers them, from anywhere.
#[derive(Clone, Debug)]
pub struct CoalesceHandle {
    live: Arc<Live>,
}

/// The shared calls at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CoalesceSnapshot {
    /// How many different answers are on their way.
    pub in_flight: usize,
    /// How many calls wait for one of them.
    pub waiting: usize,
    /// How many calls got another's answer since the start.
    pub shared: u64,
    /// How many leaders gave up since the start.
    pub handovers: u64,
    /// How many calls could have shared an answer since the start and had to call the service
    /// themselves, because there was no room or the answer was not for them.
    pub alone: u64,
}

impl CoalesceHandle {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// The shared calls right now.
    #[must_use]
    pub fn snapshot(&self) -> CoalesceSnapshot {
        self.live.counts()
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> CoalesceConfig {
        self.live.settings().config.clone()
    }

    /// Changes the configuration while calls run. Calls that share an answer already go on doing so.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: CoalesceConfig) -> Result<(), ConfigError> {
        self.live.update(config)
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

impl Watch for CoalesceHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let condition = if now.in_flight >= self.config().max_keys {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let summary = format!(
            "{} answers on their way, {} calls wait for them",
            now.in_flight, now.waiting
        );
        Vitals::new(&self.live.emitter, condition, summary)
    }
}

steerable!(CoalesceHandle, CoalesceConfig, |handle| &handle
    .live
    .emitter);
