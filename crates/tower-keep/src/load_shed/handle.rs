use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;

use super::{LAYER, LoadShedConfig, Reason, shared::Shared};
use crate::{
    config::{Check, ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
};

/// Looks at a layer that sheds load and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct LoadShedHandle {
    shared: Arc<Shared>,
}

/// A layer that sheds load at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoadShedSnapshot {
    /// How many calls may run at once.
    pub max_concurrent: usize,
    /// How many calls run: more than may, after the limit was lowered, or if some are exempt.
    pub running: usize,
    /// How many calls wait.
    pub waiting: usize,
    /// Whether calls have been waiting for a whole interval.
    pub congested: bool,
    /// The greatest of the pressures when they were last asked for; 0 if there are none.
    pub pressure: f64,
    /// How many tenants are known.
    pub tenants: usize,
    /// How many calls were shed since the start, by reason.
    pub shed: BTreeMap<&'static str, u64>,
}

impl LoadShedSnapshot {
    /// How many calls were shed since the start.
    #[must_use]
    pub fn total_shed(&self) -> u64 {
        self.shed.values().sum()
    }
}

impl LoadShedHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The layer right now.
    #[must_use]
    pub fn snapshot(&self) -> LoadShedSnapshot {
        let counts = self.shared.counts();
        let shed = |reason: Reason| (reason.as_str(), self.shared.shed_for(reason));
        LoadShedSnapshot {
            max_concurrent: self.shared.config().max_concurrent,
            running: counts.running as usize,
            waiting: counts.waiting as usize,
            congested: self.shared.is_congested(),
            pressure: self.shared.gauge.last(),
            tenants: self.shared.known_tenants(),
            shed: Reason::ALL.into_iter().map(shed).collect(),
        }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> LoadShedConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run.
    ///
    /// Running calls keep their places. A higher limit lets waiting calls run at once; a lower one is
    /// reached as calls end. Calls that already wait do so for as long as they were told, unless the
    /// layer is switched off: they run then.
    ///
    /// # Errors
    /// If a field is out of range, or `max_tenants` is another; nothing is changed then.
    pub fn update(&self, config: LoadShedConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.config();
        let same = config.max_tenants == old.max_tenants;
        Check(LAYER).that(same, "max_tenants", || {
            "cannot change while calls run: build a new layer".to_owned()
        })?;
        self.shared.configure(config.clone());
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

impl Watch for LoadShedHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let pressed = now.pressure > self.config().pressure_from;
        let condition = if now.congested || pressed || now.waiting > 0 {
            Condition::Strained
        } else {
            Condition::Normal
        };
        let mut summary = format!(
            "{} of {} places taken, {} waiting",
            now.running, now.max_concurrent, now.waiting
        );
        if now.congested {
            summary += ", congested";
        }
        if pressed {
            summary += &format!(", pressure {:.0} %", now.pressure * 100.0);
        }
        Vitals::new(&self.shared.emitter, condition, summary)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("counts", &self.counts())
            .field("config", &self.config())
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}

steerable!(LoadShedHandle, LoadShedConfig, |handle| &handle
    .shared
    .emitter);
