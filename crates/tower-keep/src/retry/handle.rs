use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{Budget, RetryConfig, Skip, saved::Saved, shared::Shared};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a retry layer and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct RetryHandle {
    shared: Arc<Shared>,
}

/// A retry layer at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RetrySnapshot {
    /// How many calls came since the start, to all layers that share the budget.
    pub calls: u64,
    /// How many retries this layer scheduled since the start.
    pub retries: u64,
    /// How many retries it wanted to make and did not, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// How many retries the budget has left.
    pub budget: f64,
}

impl RetryHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The layer right now.
    #[must_use]
    pub fn snapshot(&self) -> RetrySnapshot {
        RetrySnapshot {
            calls: self.shared.budget.calls(),
            retries: self.shared.retries(),
            skipped: Skip::ALL
                .into_iter()
                .map(|why| (why, self.shared.skipped(why)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            budget: self.shared.budget.balance(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> RetryConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// A call that runs keeps the number of attempts it started with. The budget keeps what is in it
    /// and changes for all who share it.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: RetryConfig) -> Result<(), ConfigError> {
        self.shared.update(config)
    }

    /// The budget, to look at or to give to another layer.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.shared.budget.clone()
    }

    /// Hears what happens from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.shared.live.emitter.subscribe(capacity)
    }
}

impl Watch for RetryHandle {
    fn vitals(&self) -> Vitals {
        let left = self.shared.budget.balance();
        let condition = if left < 1.0 {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let summary = format!("{} retries made, {left:.0} left", self.shared.retries());
        Vitals::new(&self.shared.live.emitter, condition, summary)
    }
}

steerable!(
    RetryHandle, RetryConfig, |handle| &handle.shared.live.emitter,
    saves: Saved
);
