use std::sync::Arc;

use serde::Serialize;

use super::{ThrottleConfig, core::Core};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a throttle and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct ThrottleHandle {
    core: Arc<Core>,
}

/// A throttle at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ThrottleSnapshot {
    /// How many calls are in the window, those that were held back among them.
    pub requests: u64,
    /// How many of them the service accepted.
    pub accepts: u64,
    /// The probability that the next call is held back.
    pub rejection: f64,
    /// How many calls were held back since the start.
    pub held_back: u64,
}

impl ThrottleHandle {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The throttle right now.
    #[must_use]
    pub fn snapshot(&self) -> ThrottleSnapshot {
        let (requests, accepts, rejection) = self.core.look();
        ThrottleSnapshot {
            requests,
            accepts,
            rejection,
            held_back: self.core.held_back(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> ThrottleConfig {
        self.core.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// What was counted stays, unless `window` is another, or the layer is switched off or on.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: ThrottleConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.config();
        self.core.configure(config.clone());
        self.core.emitter.updated(&old, &config);
        Ok(())
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

impl Watch for ThrottleHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let condition = if now.rejection > 0.0 {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let summary = format!(
            "{} of {} calls accepted, {:.0} % held back",
            now.accepts,
            now.requests,
            now.rejection * 100.0
        );
        Vitals::new(&self.core.emitter, condition, summary)
    }
}

steerable!(ThrottleHandle, ThrottleConfig, |handle| &handle
    .core
    .emitter);
