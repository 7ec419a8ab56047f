use std::sync::Arc;

use serde::Serialize;

use super::{CatchPanicConfig, shared::Shared};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a panic catcher and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct CatchPanicHandle {
    shared: Arc<Shared>,
}

/// A panic catcher at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CatchPanicSnapshot {
    /// How many panics were caught since the start.
    pub caught: u64,
}

impl CatchPanicHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The catcher right now.
    #[must_use]
    pub fn snapshot(&self) -> CatchPanicSnapshot {
        CatchPanicSnapshot {
            caught: self.shared.caught(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> CatchPanicConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// # Errors
    /// Never: every configuration works.
    pub fn update(&self, config: CatchPanicConfig) -> Result<(), ConfigError> {
        let old = self.config();
        self.shared.configure(config);
        self.shared.emitter.updated(&old, &config);
        Ok(())
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

impl Watch for CatchPanicHandle {
    fn vitals(&self) -> Vitals {
        let summary = format!("{} panics caught", self.shared.caught());
        Vitals::new(&self.shared.emitter, Condition::Normal, summary)
    }
}

steerable!(CatchPanicHandle, CatchPanicConfig, |handle| &handle
    .shared
    .emitter);
