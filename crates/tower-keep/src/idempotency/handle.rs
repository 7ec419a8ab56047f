use std::{fmt, sync::Arc};

use serde::Serialize;

use super::{IdempotencyConfig, shared::Live};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at keys and steers what becomes of them, from anywhere.
#[derive(Clone)]
pub struct IdempotencyHandle {
    live: Arc<Live>,
}

/// What has become of requests with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IdempotencySnapshot {
    /// How many were executed since the start.
    pub executed: u64,
    /// How many were given an answer that was there.
    pub replayed: u64,
    /// How many were refused: without a key, for another request, or still running.
    pub refused: u64,
}

impl IdempotencyHandle {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// What has become of requests so far.
    #[must_use]
    pub fn snapshot(&self) -> IdempotencySnapshot {
        let [executed, replayed, refused] = self.live.counts();
        IdempotencySnapshot {
            executed,
            replayed,
            refused,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> IdempotencyConfig {
        (*self.live.config()).clone()
    }

    /// Changes the configuration while calls run. What is kept stays for as long as it was to.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: IdempotencyConfig) -> Result<(), ConfigError> {
        config.check()?;
        let (old, new) = (self.config(), config.clone());
        self.live.configure(config);
        self.live.emitter.updated(&old, &new);
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

impl Watch for IdempotencyHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let summary = format!(
            "{} executed, {} answered again, {} refused",
            now.executed, now.replayed, now.refused
        );
        Vitals::new(&self.live.emitter, Condition::Normal, summary)
    }
}

impl fmt::Debug for IdempotencyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyHandle")
            .field(&self.snapshot())
            .finish()
    }
}

steerable!(IdempotencyHandle, IdempotencyConfig, |handle| &handle
    .live
    .emitter);
