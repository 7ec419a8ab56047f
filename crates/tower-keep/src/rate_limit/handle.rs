use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    RateLimitConfig,
    saved::Saved,
    shared::{Shared, now},
    wait::Acquire,
};
use crate::{
    common::atomic::Relaxed,
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a rate limit and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct RateLimitHandle {
    pub(super) shared: Arc<Shared>,
}

/// A rate limit at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RateLimitSnapshot {
    /// Its limits, in the order of the configuration.
    pub limits: Vec<LimitSnapshot>,
    /// How many calls wait.
    pub waiting: usize,
    /// How many calls were turned away since the start.
    pub refused: u64,
    /// The part of the rate that is used: our share of it, and what was learnt.
    pub share: f64,
}

/// One limit at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LimitSnapshot {
    /// What it is called.
    pub name: Cow<'static, str>,
    /// How many permits are there.
    pub available: u64,
    /// How many there can be.
    pub capacity: u64,
}

impl RateLimitHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The limit right now.
    #[must_use]
    pub fn snapshot(&self) -> RateLimitSnapshot {
        let config = self.config();
        let (words, paces, waiting) = self.shared.look();
        let now = now();
        let limits = config.limits.iter().enumerate().take(self.shared.limits());
        RateLimitSnapshot {
            limits: limits
                .map(|(at, limit)| LimitSnapshot {
                    name: limit.name.clone(),
                    available: paces[at].left(words[at], now),
                    capacity: paces[at].tolerance / paces[at].interval,
                })
                .collect(),
            waiting,
            refused: self.shared.refused.load(Relaxed),
            share: config.share * self.shared.learnt(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> RateLimitConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run and wait.
    ///
    /// A limit that keeps its place and name keeps its permits, as many as fit, and those it owes. Calls
    /// that wait are booked anew by the new limits, in their order; they keep their maximum wait, and one
    /// that would now wait longer is refused. Any other limit starts full.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: RateLimitConfig) -> Result<(), ConfigError> {
        config.check()?;
        let (old, new) = (self.config(), config.clone());
        self.shared.configure(config);
        self.shared.emitter.updated(&old, &new);
        Ok(())
    }

    /// Changes the part of the limits that is ours; with `n` replicas, `1.0 / n`. Permits are kept.
    ///
    /// # Errors
    /// If it is less than a millionth or more than 1.
    pub fn set_share(&self, share: f64) -> Result<(), ConfigError> {
        self.update(RateLimitConfig {
            share,
            ..self.config()
        })
    }

    /// Takes permits for work that is not a call of the service: waits or is refused as a call would be.
    pub fn acquire(&self, cost: u64) -> Acquire {
        Acquire::new(&self.shared, cost)
    }

    /// Takes every permit that is there, as when something else tells that the limit is reached.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Lets no call start for this long, and one at its end: what following a hint does.
    pub fn pause(&self, time: Duration) {
        self.shared.pause(time);
    }

    /// Begins to [warm up](RateLimitConfig::warm_up) again with the next call, as after a restart of the
    /// service behind.
    pub fn warm_up(&self) {
        self.shared.warm_up();
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

impl Watch for RateLimitHandle {
    /// Strained while a limit has nothing left; it never refuses for long.
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let exhausted = now.limits.iter().any(|limit| limit.available == 0);
        let condition = match exhausted && self.config().enabled {
            true => Condition::Strained,
            false => Condition::Normal,
        };
        let limits = now
            .limits
            .iter()
            .map(|limit| format!("{}: {} of {}", limit.name, limit.available, limit.capacity));
        let limits = limits.collect::<Vec<_>>().join(", ");
        let summary = format!("permits left: {limits}; {} waiting", now.waiting);
        Vitals::new(&self.shared.emitter, condition, summary)
    }
}

steerable!(
    RateLimitHandle, RateLimitConfig, |handle| &handle.shared.emitter,
    actions: {
        "drain" => |handle| handle.drain(),
        "warm_up" => |handle| handle.warm_up(),
    },
    saves: Saved
);
