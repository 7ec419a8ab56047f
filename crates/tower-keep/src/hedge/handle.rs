use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::{HedgeConfig, shared::Shared};
use crate::{
    budget::Budget,
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
    replay::Skip,
};

/// Looks at a hedge layer and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct HedgeHandle {
    shared: Arc<Shared>,
}

/// A hedge layer at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HedgeSnapshot {
    /// How many calls filled the budget since the start, of all layers that share it.
    pub calls: u64,
    /// How many further attempts were made since the start.
    pub hedges: u64,
    /// How many calls were answered by one of them.
    pub won: u64,
    /// How many attempts were given up for a faster one.
    pub cancelled: u64,
    /// How many further attempts were wanted and not made, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// How long an answer is waited for now; nothing if only a failure starts an attempt.
    #[serde(with = "humantime_serde")]
    pub delay: Option<Duration>,
    /// How many calls that is known from.
    pub samples: u64,
    /// How many hedges the budget has left.
    pub budget: f64,
}

impl HedgeHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The layer right now.
    #[must_use]
    pub fn snapshot(&self) -> HedgeSnapshot {
        let counts = self.shared.counts();
        let (delay, samples) = self.shared.live.pace.known();
        HedgeSnapshot {
            calls: self.shared.budget.calls(),
            hedges: counts.made,
            won: counts.won,
            cancelled: counts.cancelled,
            skipped: Skip::ALL
                .into_iter()
                .map(|why| (why, self.shared.skipped(why)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            delay,
            samples,
            budget: self.shared.budget.balance(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> HedgeConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// A call that runs keeps the number of hedges it started with. What is known about the service
    /// stays. The budget keeps what is in it and changes for all who share it.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: HedgeConfig) -> Result<(), ConfigError> {
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

impl Watch for HedgeHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let condition = if now.budget < 1.0 {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let summary = format!(
            "{} hedges made, {} won, {:.0} left",
            now.hedges, now.won, now.budget
        );
        Vitals::new(&self.shared.live.emitter, condition, summary)
    }
}

steerable!(HedgeHandle, HedgeConfig, |handle| &handle.shared.live.emitter, alternatives: ["delay"]);
