use std::time::Duration;

use serde::Serialize;

use super::{CheckConfig, Importance, Standing, streak::Streak};
use crate::common::{
    clock::Instant,
    sync::{self, Mutex, MutexGuard},
};

/// What is known of one check: written by its runner, read by the endpoints.
pub(super) struct Cell {
    pub(super) name: String,
    pub(super) importance: Importance,
    pub(super) component_type: &'static str,
    known: Mutex<Known>,
}

/// A copy of what is known.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) streak: Streak,
    pub(super) last: Option<Reading>,
}

/// One run of a check.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) at: Instant,
    pub(super) took: Duration,
    /// What it said if it failed; not longer than [`MAX_OUTPUT`] bytes.
    pub(super) failure: Option<String>,
}

/// One check, as [`HealthHandle::snapshot`](super::HealthHandle::snapshot) sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckSnapshot {
    /// Its name.
    pub name: String,
    /// What a failure of it means.
    pub importance: Importance,
    /// What is thought of it.
    pub standing: Standing,
    /// How many readings in a row say the opposite.
    pub contrary: u32,
    /// How long the last run took, in milliseconds.
    pub response_ms: Option<f64>,
    /// What the last run said, if it failed.
    pub output: Option<String>,
}

impl Cell {
    pub(super) fn new(name: String, importance: Importance, component_type: &'static str) -> Self {
        Self {
            name,
            importance,
            component_type,
            known: Mutex::default(),
        }
    }

    /// Takes a reading; answers whether the standing changed.
    pub(super) fn record(&self, reading: Reading, settings: &CheckConfig) -> bool {
        let passed = reading.failure.is_none();
        let mut known = self.lock();
        known.last = Some(reading);
        known.streak.record(passed, settings.rise, settings.fall)
    }

    pub(super) fn known(&self) -> Known {
        self.lock().clone()
    }

    /// Whether it keeps the process from being ready.
    pub(super) fn gates(&self) -> Option<Standing> {
        let standing = self.lock().streak.standing;
        let gates = self.importance == Importance::Critical && standing != Standing::Passing;
        gates.then_some(standing)
    }

    pub(super) fn snapshot(&self) -> CheckSnapshot {
        let known = self.known();
        CheckSnapshot {
            name: self.name.clone(),
            importance: self.importance,
            standing: known.streak.standing,
            contrary: known.streak.contrary,
            response_ms: known.last.as_ref().map(Reading::millis),
            output: known.last.and_then(|last| last.failure),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        sync::lock(&self.known)
    }
}

impl Reading {
    pub(super) fn millis(&self) -> f64 {
        // Whole microseconds: more digits are noise.
        self.took.as_micros() as f64 / 1000.0
    }
}

/// Cuts what a check said to a length that a page and a log line can hold.
pub(super) fn bounded(mut output: String) -> String {
    if output.len() > MAX_OUTPUT {
        output.truncate(output.floor_char_boundary(MAX_OUTPUT));
        output.push('…');
    }
    output
}

const MAX_OUTPUT: usize = 256;
