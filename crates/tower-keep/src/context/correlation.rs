use std::fmt;

use http::HeaderValue;

/// The id that all log lines, events and calls of one request share.
///
/// 1 to 128 of `A-Z a-z 0-9 _ . -`: safe in logs, headers and file names. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CorrelationId(HeaderValue);

impl CorrelationId {
    /// Takes an id from outside, if it is well formed.
    #[must_use]
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        let well_formed = (1..=128).contains(&value.len())
            && value
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        well_formed.then(|| Self(value.clone()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0
            .to_str()
            .expect("checked to be ASCII when it was made")
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrelationId({})", self.as_str())
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The correlation id of the request that this task works on.
#[must_use]
pub fn correlation_id() -> Option<CorrelationId> {
    None
}
