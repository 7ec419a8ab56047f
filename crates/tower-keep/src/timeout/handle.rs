use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{TimeoutConfig, shared::Shared};
use crate::{
    common::atomic::{AtomicU64, Relaxed},
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a timeout layer and changes its times, from anywhere.
#[derive(Clone, Debug)]
pub struct TimeoutHandle {
    shared: Arc<Shared>,
}

/// A timeout layer at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimeoutSnapshot {
    /// How long a call may take.
    #[serde(with = "humantime_serde::option")]
    pub timeout: Option<Duration>,
    /// How many calls were refused since the start because their deadline had passed on arrival.
    pub expired_on_arrival: u64,
    /// How many had no head in time.
    pub exceeded_head: u64,
    /// How many had a head, but not all of the body in time.
    pub exceeded_body: u64,
    /// How many had a body that stopped halfway.
    pub exceeded_body_idle: u64,
    /// How many would have run out of time, had their deadline been [kept](TimeoutConfig::enforce).
    pub would_refuse: u64,
}

impl TimeoutHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The layer right now.
    #[must_use]
    pub fn snapshot(&self) -> TimeoutSnapshot {
        let counts = &self.shared.counts;
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        TimeoutSnapshot {
            timeout: self.config().timeout,
            expired_on_arrival: read(&counts.expired),
            exceeded_head: read(&counts.head),
            exceeded_body: read(&counts.body),
            exceeded_body_idle: read(&counts.body_idle),
            would_refuse: read(&counts.would_refuse),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> TimeoutConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run. Calls that run keep their deadline.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: TimeoutConfig) -> Result<(), ConfigError> {
        config.check()?;
        let (old, new) = (self.config(), config.clone());
        self.shared.configure(config);
        self.shared.emitter.updated(&old, &new);
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

impl Watch for TimeoutHandle {
    /// Always normal: that calls run out of time says something about the service, not about us.
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let summary = format!(
            "{} calls out of time before the head, {} in the body, {} on arrival",
            now.exceeded_head,
            now.exceeded_body + now.exceeded_body_idle,
            now.expired_on_arrival,
        );
        Vitals::new(&self.shared.emitter, Condition::Normal, summary)
    }
}

steerable!(TimeoutHandle, TimeoutConfig, |handle| &handle
    .shared
    .emitter);
