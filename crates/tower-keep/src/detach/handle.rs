use std::sync::Arc;

use serde::Serialize;

use super::{DetachConfig, shared::Live};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at the calls that go on and steers them, from anywhere.
#[derive(Clone)]
pub struct DetachHandle {
    live: Arc<Live>,
}

/// The calls without a caller at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DetachSnapshot {
    /// How many go on.
    pub detached: usize,
    /// How many have gone on since the start.
    pub total: u64,
    /// How many were dropped since the start, because as many as may went on already.
    pub dropped: u64,
}

impl DetachHandle {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// The calls that go on right now.
    #[must_use]
    pub fn snapshot(&self) -> DetachSnapshot {
        DetachSnapshot {
            detached: self.live.detached(),
            total: self.live.total(),
            dropped: self.live.dropped(),
        }
    }

    /// Waits until none goes on: for the end of a process, after its server has stopped. Bound it with
    /// a timeout; a call that hangs goes on for ever.
    pub async fn idle(&self) {
        self.live.idle().await;
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> DetachConfig {
        self.live.config()
    }

    /// Changes the configuration while calls run. What goes on already goes on.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: DetachConfig) -> Result<(), ConfigError> {
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

impl Watch for DetachHandle {
    fn vitals(&self) -> Vitals {
        let (now, max) = (self.snapshot(), self.config().max_detached);
        let condition = if now.detached >= max {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let summary = format!("{} of at most {max} calls go on alone", now.detached);
        Vitals::new(&self.live.emitter, condition, summary)
    }
}

impl std::fmt::Debug for DetachHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DetachHandle")
            .field(&self.snapshot())
            .finish()
    }
}

steerable!(DetachHandle, DetachConfig, |handle| &handle.live.emitter);
