//! Rise and fall: how many readings in a row change a mind.

use serde::Serialize;

/// What is thought of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not answered yet. A critical check that is unknown keeps the process unready.
    #[default]
    Unknown,
    /// It passes.
    Passing,
    /// It fails.
    Failing,
}

/// A standing, and the readings in a row that contradict it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streak {
    pub(super) standing: Standing,
    pub(super) contrary: u32,
}

impl Streak {
    /// Takes a reading; answers whether the standing changed. The first reading decides at once, so
    /// that a start takes one run and not `rise` of them.
    pub(super) fn record(&mut self, passed: bool, rise: u32, fall: u32) -> bool {
        let (reading, needed) = if passed {
            (Standing::Passing, rise)
        } else {
            (Standing::Failing, fall)
        };
        if reading == self.standing {
            self.contrary = 0;
            return false;
        }
        self.contrary = self.contrary.saturating_add(1);
        let changes = self.standing == Standing::Unknown || self.contrary >= needed;
        if changes {
            self.standing = reading;
            self.contrary = 0;
        }
        changes
    }
}
