//! How much the recent calls mattered, so that a share of them can be told apart from the rest.

use crate::context::Priority;

/// How much a call matters here and now: its priority, and within that how little its tenant has used.
///
/// One byte, the greater the more it matters: 8 priorities of 32 steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(u8);

impl Level {
    /// The steps within a priority.
    pub(super) const STEPS: u8 = 32;
    /// The number of priorities.
    pub(super) const CLASSES: usize = 8;

    /// `step` is 0 for the heaviest tenant, and at most 31.
    pub(super) fn new(priority: Priority, step: u8) -> Self {
        Self((7 - priority.urgency()) * Self::STEPS + step.min(Self::STEPS - 1))
    }

    /// The priority alone, the greater the more it matters.
    pub(super) fn class(self) -> usize {
        usize::from(self.0 / Self::STEPS)
    }

    #[cfg(test)]
    pub(super) fn of(byte: u8) -> Self {
        Self(byte)
    }
}

/// The levels of recent calls: of the last one or two thousand, the older counting for less.
pub(super) struct Seen {
    counts: [u32; 256],
    total: u32,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            counts: [0; 256],
            total: 0,
        }
    }

    /// Counts a call.
    pub(super) fn note(&mut self, level: Level) {
        if self.total >= FORGET_AT {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        self.counts[usize::from(level.0)] += 1;
        self.total += 1;
    }

    /// Whether the call is in the part of the recent ones that matters least and is `share` of them.
    ///
    /// Calls of one level are told apart by `chance`, 0 to 1. Whoever is above another is never in the
    /// part that the other is not in.
    pub(super) fn is_in_least(&self, share: f64, level: Level, chance: f64) -> bool {
        if share <= 0.0 || self.total == 0 {
            return false;
        }
        let own = usize::from(level.0);
        let below: u32 = self.counts[..own].iter().sum();
        let place = f64::from(below) + chance.clamp(0.0, 1.0) * f64::from(self.counts[own]);
        place < share * f64::from(self.total)
    }

    /// Whether calls that matter this much are above all of those of whom `share` of the recent calls
    /// consists.
    pub(super) fn is_class_above(&self, share: f64, level: Level) -> bool {
        let class = level.class() * usize::from(Level::STEPS);
        let below: u32 = self.counts[..class].iter().sum();
        f64::from(below) > share * f64::from(self.total)
    }
}

/// When this many are counted, all counts are halved.
const FORGET_AT: u32 = 2048;
