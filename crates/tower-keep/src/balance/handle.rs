use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{BalanceConfig, core::Core, endpoint::Endpoint, outlier::Out};
use crate::{
    common::clock,
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a balancer and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct BalanceHandle {
    core: Arc<Core>,
}

/// A balancer at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BalanceSnapshot {
    /// The endpoints, in the order they came.
    pub endpoints: Vec<EndpointSnapshot>,
    /// Whether so few endpoints are in that ejections are ignored.
    pub panicking: bool,
    /// How many calls were turned away since the start because there was nobody to send them to.
    pub refused: u64,
    /// What discovery said last, if it was an error.
    pub discovery_error: Option<String>,
}

/// An endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// Its key in discovery, or the name it was given.
    pub endpoint: String,
    /// How many calls count as load.
    pub pending: u32,
    /// What an answer is expected to take, if anything is known.
    #[serde(with = "humantime_serde")]
    pub latency: Option<Duration>,
    /// How much longer it is avoided after a failure.
    #[serde(with = "humantime_serde")]
    pub resting_for: Duration,
    /// Whether it was ejected, by itself or by hand.
    pub ejected: bool,
    /// How much longer it is out; `None` if it is in, or out by hand.
    #[serde(with = "humantime_serde")]
    pub ejected_for: Option<Duration>,
    /// How many calls went to it.
    pub calls: u64,
    /// How many of them failed.
    pub failures: u64,
}

impl BalanceHandle {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The balancer right now.
    #[must_use]
    pub fn snapshot(&self) -> BalanceSnapshot {
        let now = clock::now();
        self.core.advance(now);
        let config = self.core.config();
        let millis = self.core.millis(now);
        let (endpoints, discovery_error) = self.core.endpoints();
        let look = |one: &Arc<Endpoint>| {
            let out = one.out_for(millis);
            EndpointSnapshot {
                endpoint: one.name.clone(),
                pending: one.pending(),
                latency: one
                    .latency(millis, config.decay)
                    .map(|nanos| Duration::from_nanos(nanos as u64)),
                resting_for: one.rest_left(millis),
                ejected: out.is_some(),
                ejected_for: match out {
                    Some(Out::Until(left)) => Some(left),
                    Some(Out::Forced) | None => None,
                },
                calls: one.calls(),
                failures: one.failures(),
            }
        };
        let is_there = |one: &&Arc<Endpoint>| !one.is_removed();
        BalanceSnapshot {
            endpoints: endpoints.iter().filter(is_there).map(look).collect(),
            panicking: self.core.is_panicking(),
            refused: self.core.refused(),
            discovery_error,
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> BalanceConfig {
        BalanceConfig::clone(&self.core.config())
    }

    /// Changes the configuration while calls run. Endpoints that are out stay out for as long as was
    /// said; calls that wait keep their maximum wait.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: BalanceConfig) -> Result<(), ConfigError> {
        self.core.update(config)
    }

    /// Sends no more calls to the endpoint of this name, even in a panic, until
    /// [`take_back`](Self::take_back); while the balancer is switched off it gets its share all the same.
    /// Answers whether there is one.
    #[expect(clippy::must_use_candidate, reason = "done for its effect")]
    pub fn eject(&self, endpoint: &str) -> bool {
        self.core.force_out(endpoint)
    }

    /// Sends calls to the endpoint of this name again, and clears its record. Answers whether there is
    /// one.
    #[expect(clippy::must_use_candidate, reason = "done for its effect")]
    pub fn take_back(&self, endpoint: &str) -> bool {
        self.core.force_in(endpoint)
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

steerable!(BalanceHandle, BalanceConfig, |handle| &handle.core.emitter);

impl Watch for BalanceHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let all = now.endpoints.len();
        let out = now.endpoints.iter().filter(|one| one.ejected).count();
        let condition = match () {
            () if all == 0 || (out == all && !now.panicking) => Condition::Refusing,
            () if out > 0 => Condition::Strained,
            () => Condition::Normal,
        };
        let mut summary = format!("{} of {all} endpoints in", all - out);
        if now.panicking {
            summary.push_str(", ejections ignored");
        }
        Vitals::new(&self.core.emitter, condition, summary)
    }
}
