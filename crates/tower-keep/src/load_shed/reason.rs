use serde::Serialize;

/// Why a call was shed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// It waited for longer than calls may.
    Delay,
    /// It could not start, or not be expected to start, before its deadline.
    Deadline,
    /// The queue is more than half full, and it is among those that matter least.
    Filling,
    /// The queue is full, and nobody in it matters less; or somebody who matters more took its place.
    Full,
    /// An input reports pressure, and it is among those that matter least.
    Pressure,
}

impl Reason {
    pub(super) const ALL: [Self; 5] = [
        Self::Delay,
        Self::Deadline,
        Self::Filling,
        Self::Full,
        Self::Pressure,
    ];

    /// The reason in words, as a refusal gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delay => "calls wait too long",
            Self::Deadline => "the deadline comes before a place",
            Self::Filling => "the queue is filling",
            Self::Full => "the queue is full",
            Self::Pressure => "the host is under pressure",
        }
    }
}
