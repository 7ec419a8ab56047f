use std::{task::Waker, time::Duration};

use serde::{Deserialize, Serialize};

use super::shared::{Shared, now};
use crate::{
    common::sync,
    config::{Check, ConfigError},
    observe::EventKind,
};

/// How a client learns the rate that a service takes: it falls at once and rises slowly.
///
/// At an answer that says "too many" the rate becomes `decrease` of what it was; one such answer a
/// second counts, since those that were under way with it say the same thing. It then rises evenly, so
/// that from the floor to the whole takes `recovery`. It never exceeds the configured rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learn {
    /// What is left of the rate after a "too many". Default 0.7.
    pub decrease: f64,
    /// The least part of the rate that is left. Default 0.05: enough to notice that it is over.
    pub floor: f64,
    /// How long it takes to rise from nothing to the whole rate. Default 1 minute, the time that most
    /// quotas are counted in.
    #[serde(with = "humantime_serde")]
    pub recovery: Duration,
}

impl Default for Learn {
    fn default() -> Self {
        Self {
            decrease: 0.7,
            floor: 0.05,
            recovery: Duration::from_secs(60),
        }
    }
}

/// The part of the rate that is used, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Learnt {
    pub(super) share: f64,
    pub(super) since: u64,
    /// When it last fell.
    pub(super) fell: u64,
}

impl Learnt {
    /// Nothing was learnt yet.
    pub(super) const NOTHING: Self = Self {
        share: 1.0,
        since: 0,
        fell: 0,
    };

    /// What follows from an answer; `None` if nothing does.
    pub(super) fn after(self, too_many: bool, now: u64, by: &Learn) -> Option<Self> {
        let passed = |since| Duration::from_nanos(now.saturating_sub(since));
        if too_many {
            return (passed(self.fell) >= HOLD).then(|| Self {
                share: (self.share * by.decrease).max(by.floor),
                since: now,
                fell: now,
            });
        }
        let risen = passed(self.since);
        let share = (self.share + risen.as_secs_f64() / by.recovery.as_secs_f64()).min(1.0);
        (risen >= HOLD && share != self.share).then_some(Self {
            share,
            since: now,
            ..self
        })
    }
}

impl Shared {
    /// Learns from an answer.
    pub(super) fn learn(&self, too_many: bool) {
        let Some(by) = self.config().learn else {
            return;
        };
        if let Some((from, to)) = self.learn_by(&by, too_many) {
            self.apply_learnt(from, to, too_many);
        }
    }

    pub(super) fn learn_by(&self, by: &Learn, too_many: bool) -> Option<(f64, f64)> {
        let mut learnt = sync::lock(&self.learnt);
        let before = learnt.share;
        *learnt = learnt.after(too_many, now(), by)?;
        (learnt.share != before).then_some((before, learnt.share))
    }

    pub(super) fn apply_learnt(&self, from: f64, to: f64, too_many: bool) {
        let mut line = self.line();
        // Under the lock, or an update could be undone.
        let config = self.config();
        if config.learn.is_none() {
            // Switched off meanwhile: nobody would ever raise the rate again.
            *sync::lock(&self.learnt) = Learnt::NOTHING;
            return;
        }
        let woken = self.repace(&mut line, &config, &config);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
        let permits = |share: f64| (config.limits[0].rate.permits as f64 * share).round() as usize;
        self.emitter.emit(EventKind::LimitChanged {
            from: permits(from),
            to: permits(to),
            reason: if too_many { "too many" } else { "recovering" },
        });
    }
}

/// Answers within this time say the same thing, and the rate rises in steps of it.
const HOLD: Duration = Duration::from_secs(1);

impl Learn {
    pub(super) fn check(&self, check: Check) -> Result<(), ConfigError> {
        check.ratio("decrease", self.decrease)?;
        check.ratio("floor", self.floor)?;
        check.that(self.floor >= 1e-3, "floor", || {
            format!(
                "is {}: give at least 0.001, or nothing is ever sent again",
                self.floor
            )
        })?;
        check.duration("recovery", self.recovery)
    }
}
