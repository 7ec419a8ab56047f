use std::sync::Arc;

use serde::Serialize;

use super::{CorrelationIdConfig, settings::Settings};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a correlation id layer and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct CorrelationIdHandle {
    settings: Arc<Settings>,
}

/// Where the ids of all requests came from, since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CorrelationIdSnapshot {
    /// Requests whose id was kept.
    pub accepted: u64,
    /// Requests whose id was malformed or not trusted, and replaced.
    pub replaced: u64,
    /// Requests that brought none.
    pub created: u64,
}

impl CorrelationIdHandle {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings }
    }

    /// The counts right now.
    #[must_use]
    pub fn snapshot(&self) -> CorrelationIdSnapshot {
        CorrelationIdSnapshot {
            accepted: self.settings.sum(|counts| &counts.accepted),
            replaced: self.settings.sum(|counts| &counts.replaced),
            created: self.settings.sum(|counts| &counts.created),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> CorrelationIdConfig {
        self.settings.config()
    }

    /// Changes the configuration while requests run; those keep the ids they have.
    ///
    /// # Errors
    /// If it names other headers than the present one: they are fixed when the layer is built.
    /// Nothing is changed then.
    pub fn update(&self, config: CorrelationIdConfig) -> Result<(), ConfigError> {
        let old = self.config();
        self.settings.update(&config)?;
        self.settings.emitter.updated(&old, &config);
        Ok(())
    }

    /// Hears what happens to the layer from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.settings.emitter.subscribe(capacity)
    }
}

impl Watch for CorrelationIdHandle {
    /// Always normal: it turns nothing away.
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let summary = format!(
            "{} ids accepted, {} replaced, {} created",
            now.accepted, now.replaced, now.created
        );
        Vitals::new(&self.settings.emitter, Condition::Normal, summary)
    }
}

steerable!(CorrelationIdHandle, CorrelationIdConfig, |handle| &handle
    .settings
    .emitter);
