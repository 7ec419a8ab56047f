use std::hash::{DefaultHasher, Hash, Hasher};

use http::{HeaderMap, HeaderName};

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that is there.
    Old,
    /// The one that takes over.
    New,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

/// A percentage as a share of all that a [`Ticket`] can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share(u16);

/// A number from 0 to 9999: which hundredth of a percent a call is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u16);

const HUNDREDTHS: u16 = 10_000;

impl Share {
    pub(super) fn percent(percent: f64) -> Self {
        // In range, as it has been checked.
        Self((percent * 100.0).round() as u16)
    }

    pub(super) const fn from_word(word: u16) -> Self {
        Self(word)
    }

    pub(super) const fn to_word(self) -> u16 {
        self.0
    }

    /// A ticket that is in one share is in every larger one.
    pub(super) const fn has(self, ticket: Ticket) -> bool {
        ticket.0 < self.0
    }
}

impl Ticket {
    pub(super) fn random() -> Self {
        Self(fastrand::u16(..HUNDREDTHS))
    }

    /// The same for the same key, in every process.
    pub(super) fn of(key: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self((hasher.finish() % u64::from(HUNDREDTHS)) as u16)
    }
}

/// What a header says: `old` or `new`.
pub(super) fn in_header(headers: &HeaderMap, name: &HeaderName) -> Option<Side> {
    match headers.get(name)?.as_bytes() {
        b"old" => Some(Side::Old),
        b"new" => Some(Side::New),
        _ => None,
    }
}

/// Whether a path is one of these or below one.
pub(super) fn is_below(path: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| {
        path.strip_prefix(prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
    })
}
