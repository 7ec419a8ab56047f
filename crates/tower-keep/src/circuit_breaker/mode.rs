use std::fmt;

use serde::{Deserialize, Serialize};

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Lets calls through (only a share of them during the ramp after it was open).
    Closed,
    /// Lets a few probes through to find out whether to close.
    HalfOpen,
    /// Turns calls away.
    Open,
}

/// Who decides what a breaker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// The breaker.
    #[default]
    Auto,
    /// Lets every call through and does not even count.
    Disabled,
    /// Lets every call through and counts.
    ForcedClosed,
    /// Turns every call away.
    ForcedOpen,
    /// The breaker, but it only says what it would do and turns nothing away.
    ObserveOnly,
}

impl State {
    /// The state as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The state as a number for a gauge: 0, 1, 2.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
