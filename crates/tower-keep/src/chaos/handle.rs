use std::sync::Arc;

use serde::Serialize;

use super::{ChaosConfig, shared::Live};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at the chaos and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct ChaosHandle {
    live: Arc<Live>,
}

/// The chaos at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ChaosSnapshot {
    /// Whether there is any.
    pub enabled: bool,
    /// How many calls suffer.
    pub active: usize,
    /// How many calls got a fault since the start.
    pub injected: u64,
}

impl ChaosHandle {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// The chaos right now.
    #[must_use]
    pub fn snapshot(&self) -> ChaosSnapshot {
        ChaosSnapshot {
            enabled: self.live.config().enabled,
            active: self.live.active(),
            injected: self.live.injected(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> ChaosConfig {
        (*self.live.config()).clone()
    }

    /// Changes the configuration while calls run. Calls that suffer already go on suffering.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: ChaosConfig) -> Result<(), ConfigError> {
        config.check()?;
        self.change(|_| config);
        Ok(())
    }

    /// Ends the chaos: no call gets a fault from now on.
    pub fn stop(&self) {
        self.switch(false);
    }

    /// Begins it again, as configured.
    pub fn start(&self) {
        self.switch(true);
    }

    fn switch(&self, enabled: bool) {
        self.change(|config| ChaosConfig {
            enabled,
            ..config.clone()
        });
    }

    fn change(&self, change: impl FnOnce(&ChaosConfig) -> ChaosConfig) {
        let [old, new] = self.live.configure(change);
        self.live.emitter.updated(&*old, &*new);
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

impl Watch for ChaosHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let config = self.live.config();
        let is_active = now.enabled && config.rate > 0.0 && !config.faults.is_empty();
        let (condition, summary) = if is_active {
            let faults = config.faults.iter().map(ToString::to_string);
            let faults = faults.collect::<Vec<_>>().join(", ");
            let share = config.rate * 100.0;
            let summary = format!(
                "{share} % of calls get one of {faults}; {} do now",
                now.active
            );
            (Condition::Strained, summary)
        } else {
            (Condition::Normal, "no faults".to_owned())
        };
        Vitals::new(&self.live.emitter, condition, summary)
    }
}

steerable!(ChaosHandle, ChaosConfig, |handle| &handle.live.emitter, actions: {"start" => |handle| handle.start(), "stop" => |handle| handle.stop()});
