//! The lifecycle as a machine that is told what time it is.

use serde::Serialize;

use super::LifecycleConfig;
use crate::common::clock::Instant;

/// Where a process is on its way from start to end. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not ready yet: pools fill, caches warm up.
    Starting,
    /// At work.
    Ready,
    /// Told to stop: still accepts and answers, but readiness is 503 and HTTP/1 connections close
    /// after each answer. Endless streams should end.
    Draining,
    /// Accepts no more; what runs may finish.
    Closing,
    /// The deadline has passed: whatever still runs is cut off.
    Forced,
}

impl Phase {
    /// The phase as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Closing => "closing",
            Self::Forced => "forced",
        }
    }

    /// For the gauge, where 0 is the normal state.
    pub(super) const fn level(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::Starting => 1,
            Self::Draining => 2,
            Self::Closing => 3,
            Self::Forced => 4,
        }
    }
}

/// A process on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) phase: Phase,
    pub(super) stopping_since: Option<Instant>,
    pub(super) config: LifecycleConfig,
}

/// A step from one phase to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: Phase,
    pub(super) to: Phase,
}

impl Course {
    pub(super) const fn new(config: LifecycleConfig) -> Self {
        Self {
            phase: Phase::Starting,
            stopping_since: None,
            config,
        }
    }

    pub(super) fn ready(&mut self) -> Option<Step> {
        self.go(Phase::Ready)
    }

    pub(super) fn stop(&mut self, now: Instant) -> Option<Step> {
        self.stopping_since.get_or_insert(now);
        self.go(Phase::Draining)
    }

    pub(super) fn force(&mut self, now: Instant) -> Option<Step> {
        self.stopping_since.get_or_insert(now);
        self.go(Phase::Forced)
    }

    /// Takes the step that is due, if any. There may be another one behind it.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Step> {
        if now < self.wake_at()? {
            return None;
        }
        match self.phase {
            Phase::Draining => self.go(Phase::Closing),
            _ => self.go(Phase::Forced),
        }
    }

    /// When the next step is due, if one comes by itself.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let since = self.stopping_since?;
        match self.phase {
            Phase::Draining => Some(since + self.config.drain_delay),
            Phase::Closing => Some(since + self.config.deadline),
            Phase::Starting | Phase::Ready | Phase::Forced => None,
        }
    }

    fn go(&mut self, to: Phase) -> Option<Step> {
        let from = self.phase;
        (from < to).then(|| {
            self.phase = to;
            Step { from, to }
        })
    }
}
