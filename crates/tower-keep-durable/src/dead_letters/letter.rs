use std::{fmt, str::FromStr};

use serde::Serialize;

use super::LetterError;

/// An event that a consumer put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// Its number, in the order in which letters came.
    pub id: i64,
    /// Whose it is.
    pub consumer: String,
    /// Where it stands.
    pub state: LetterState,
    /// Its key; later events of the same key wait behind it.
    pub key: Option<String>,
    /// Why it was put aside, or failed last.
    pub reason: String,
    /// Who discarded it and why.
    pub note: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried or parked, in microseconds since 1970.
    pub first_at: i64,
    /// When something last happened to it, in microseconds since 1970.
    pub last_at: i64,
    /// The event, as JSON.
    pub event: String,
}

/// Where a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Waits for an operator.
    Dead,
    /// An operator wants it handled again; the consumer will.
    Released,
    /// Waits for an earlier event of its key, and is handled by itself after it.
    Parked,
    /// Was handled.
    Replayed,
    /// Was given up by an operator.
    Discarded,
}

impl LetterState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Dead,
        Self::Released,
        Self::Parked,
        Self::Replayed,
        Self::Discarded,
    ];

    /// As it is written in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Released => "released",
            Self::Parked => "parked",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for LetterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LetterState {
    type Err = LetterError;

    fn from_str(text: &str) -> Result<Self, LetterError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| LetterError::State(text.to_owned()))
    }
}

/// How many letters are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Wait for an operator: something to be told of.
    pub dead: u64,
    /// Are about to be handled again.
    pub released: u64,
    /// Wait for an earlier event of their key.
    pub parked: u64,
}
