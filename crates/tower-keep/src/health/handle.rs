use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    CheckSnapshot, HealthConfig, Lifecycle, Phase,
    cell::Cell,
    page::{Status, status_of},
    registry::Registry,
};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at the health of this process and steers it. A clone is the same handle.
///
/// It keeps the checks running, like the layer does.
#[derive(Clone)]
pub struct HealthHandle {
    registry: Arc<Registry>,
}

/// The health of this process at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HealthSnapshot {
    /// Where it is on its way from start to end.
    pub phase: Phase,
    /// Why `/readyz` says 503; empty if it does not.
    pub obstacles: Vec<String>,
    /// Calls in flight, bodies included and probes not.
    pub in_flight: usize,
    /// Since the layer was made.
    #[serde(with = "humantime_serde")]
    pub uptime: Duration,
    /// The checks, in the order they were added.
    pub checks: Vec<CheckSnapshot>,
    /// The layers that are watched, in the order they were added.
    pub watched: Vec<Vitals>,
}

impl HealthSnapshot {
    /// Whether `/readyz` says 200.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.obstacles.is_empty()
    }
}

impl HealthHandle {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// How it is.
    #[must_use]
    pub fn snapshot(&self) -> HealthSnapshot {
        let registry = &self.registry;
        let watched = registry.watched();
        HealthSnapshot {
            phase: registry.lifecycle.phase(),
            obstacles: registry.obstacles(),
            in_flight: registry.lifecycle.in_flight(),
            uptime: registry.born.elapsed(),
            checks: registry
                .cells()
                .iter()
                .map(|cell| cell.snapshot())
                .collect(),
            watched: watched.iter().map(|layer| layer.vitals()).collect(),
        }
    }

    /// Takes it out of traffic by hand: readiness is 503, with this reason, until
    /// [`resume`](Self::resume). What comes all the same is served.
    pub fn maintenance(&self, reason: impl Into<String>) {
        self.registry.set_maintenance(Some(reason.into()));
    }

    /// Ends the maintenance.
    pub fn resume(&self) {
        self.registry.set_maintenance(None);
    }

    /// The lifecycle of this process.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.registry.lifecycle.clone()
    }

    /// What it is configured to do.
    #[must_use]
    pub fn config(&self) -> HealthConfig {
        (*self.registry.config()).clone()
    }

    /// Changes the configuration while it runs. What checks have found is kept; a new interval holds
    /// from the last run on, a new drain delay or deadline even while it drains.
    ///
    /// # Errors
    /// If it cannot work, or if `paths` differ: they are fixed.
    pub fn update(&self, config: HealthConfig) -> Result<(), ConfigError> {
        let (old, new) = (self.config(), config.clone());
        self.registry.update(config)?;
        self.registry.emitter.updated(&old, &new);
        Ok(())
    }

    /// What happens from now on: changes of checks and of the lifecycle. Holds up to `capacity`
    /// events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.registry.emitter.subscribe(capacity)
    }
}

impl Watch for HealthHandle {
    /// Refusing while not ready, strained while a check warns. The layers that it watches itself are
    /// left out, so that two that watch each other do not go round in circles.
    fn vitals(&self) -> Vitals {
        let obstacles = self.registry.obstacles();
        let warns = |cell: &Arc<Cell>| status_of(cell.importance, &cell.known()) == Status::Warn;
        let (condition, summary) = if !obstacles.is_empty() {
            (Condition::Refusing, obstacles.join("; "))
        } else if let Some(cell) = self.registry.cells().iter().find(|cell| warns(cell)) {
            (Condition::Strained, format!("check {} warns", cell.name))
        } else {
            (Condition::Normal, "ready".to_owned())
        };
        Vitals::new(&self.registry.emitter, condition, summary)
    }
}

steerable!(
    HealthHandle, HealthConfig, |handle| &handle.registry.emitter,
    actions: {
        "maintenance" => |handle| handle.maintenance("by hand"),
        "resume" => |handle| handle.resume(),
    }
);

impl fmt::Debug for HealthHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthHandle")
            .field("name", &self.registry.emitter.name())
            .field("lifecycle", &self.registry.lifecycle)
            .finish_non_exhaustive()
    }
}
