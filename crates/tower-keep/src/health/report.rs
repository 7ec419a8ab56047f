use std::{fmt, time::Duration};

use serde::Serialize;

/// How a shutdown went; printed, it is a line for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DrainReport {
    /// Calls that ended after the process was told to stop, those that came in the drain delay
    /// included.
    pub finished: usize,
    /// Calls that were cut off at the deadline.
    pub cut_off: usize,
    /// Connections that were cut off at the deadline, with calls on them or not.
    pub connections_cut_off: usize,
    /// From the signal to the end.
    #[serde(with = "humantime_serde")]
    pub took: Duration,
}

impl DrainReport {
    /// Whether everything could finish.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.connections_cut_off == 0 && self.cut_off == 0
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped after {:.1?}: {} of the last calls finished, {} were cut off",
            self.took, self.finished, self.cut_off
        )
    }
}
