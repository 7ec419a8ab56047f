use std::{fmt::Write, sync::Arc};

use serde::Serialize;

use super::{BulkheadConfig, acquire::Acquire, permits::Permits};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a bulkhead and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct BulkheadHandle {
    permits: Arc<Permits>,
}

/// A bulkhead at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BulkheadSnapshot {
    /// How many calls may run at once.
    pub max_concurrent: usize,
    /// How many calls run; more than may, for a while, after the limit was lowered.
    pub running: usize,
    /// How many calls wait.
    pub waiting: usize,
    /// How many calls were turned away since the start.
    pub refused: u64,
    /// How many would have been, had all refusals been [enforced](BulkheadConfig::enforce).
    pub would_refuse: u64,
}

impl BulkheadHandle {
    pub(super) fn new(permits: Arc<Permits>) -> Self {
        Self { permits }
    }

    /// The bulkhead right now.
    #[must_use]
    pub fn snapshot(&self) -> BulkheadSnapshot {
        let counts = self.permits.counts();
        BulkheadSnapshot {
            max_concurrent: self.permits.config().max_concurrent,
            running: counts.running as usize,
            waiting: counts.waiting as usize,
            refused: self.permits.refused(),
            would_refuse: self.permits.would_refuse(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> BulkheadConfig {
        self.permits.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// Running calls keep their places. A higher limit lets waiting calls run at once; a lower one is
    /// reached as calls end. Calls that already wait keep their maximum wait.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: BulkheadConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.config();
        self.permits.configure(&config);
        self.permits.emitter.updated(&old, &config);
        Ok(())
    }

    /// Takes a place for work that is not a call of the service: waits as a call would.
    ///
    /// Dropping the future leaves the queue; dropping the [`Permit`](super::Permit) gives the place back.
    pub fn acquire(&self) -> Acquire {
        Acquire::new(&self.permits)
    }

    /// Hears what happens from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.permits.emitter.subscribe(capacity)
    }
}

impl Watch for BulkheadHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let config = self.config();
        let condition = match () {
            () if !config.enabled || config.enforce.is_dry_run() => Condition::Normal,
            () if now.max_concurrent == 0 => Condition::Refusing,
            () if now.running >= now.max_concurrent => Condition::Strained,
            () => Condition::Normal,
        };
        let mut summary = format!(
            "{} of {} places taken, {} waiting",
            now.running, now.max_concurrent, now.waiting
        );
        if !config.enabled {
            summary.push_str("; disabled");
        } else if config.enforce.is_dry_run() {
            let _ = write!(summary, "; would have refused {}", now.would_refuse);
        }
        Vitals::new(&self.permits.emitter, condition, summary)
    }
}

steerable!(BulkheadHandle, BulkheadConfig, |handle| &handle
    .permits
    .emitter);

impl std::fmt::Debug for Permits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permits")
            .field("counts", &self.counts())
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}
