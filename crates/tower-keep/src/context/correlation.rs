use std::{fmt, str::FromStr};

use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::Context;
use crate::common::unique;

/// The id that all log lines, events and calls of one request share.
///
/// 1 to 128 of `A-Z a-z 0-9 _ . -`: safe in logs, headers, file names and queries. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CorrelationId(HeaderValue);

impl CorrelationId {
    /// A new id: a UUID of version 7, which sorts by the millisecond it was made in.
    ///
    /// The random part comes from a generator in the process; there is no system call and no lock
    /// for each id.
    #[must_use]
    pub fn new() -> Self {
        Self::from_uuid(unique::uuid())
    }

    /// The id that this UUID is, in lower case with dashes.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(
            HeaderValue::from_maybe_shared(unique::text(uuid))
                .expect("hexadecimal digits and dashes are a header value"),
        )
    }

    /// Takes an id from outside.
    ///
    /// # Errors
    /// If it is empty, longer than 128 or has a character that is not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidCorrelationId> {
        if !is_well_formed(text.as_bytes()) {
            return Err(InvalidCorrelationId);
        }
        let shared = Bytes::copy_from_slice(text.as_bytes());
        Ok(Self(
            HeaderValue::from_maybe_shared(shared).expect("checked to be ASCII without controls"),
        ))
    }

    /// Takes an id from outside, if it is well formed. Copies nothing.
    #[must_use]
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        is_well_formed(value.as_bytes()).then(|| Self(value.clone()))
    }

    /// The id as it is sent.
    #[must_use]
    pub fn as_header_value(&self) -> &HeaderValue {
        &self.0
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0
            .to_str()
            .expect("checked to be ASCII when it was made")
    }
}

/// The correlation id of the request that this task works on.
#[must_use]
pub fn correlation_id() -> Option<CorrelationId> {
    Context::current().map(|context| context.correlation_id().clone())
}

/// Text that cannot be a [`CorrelationId`]. The text itself is not shown: it may be an attack on
/// whoever reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a correlation id: give 1 to 128 of A-Z a-z 0-9 _ . -")]
pub struct InvalidCorrelationId;

fn is_well_formed(text: &[u8]) -> bool {
    (1..=128).contains(&text.len())
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

impl Default for CorrelationId {
    fn default() -> Self {
        Self::new()
    }
}

impl FromStr for CorrelationId {
    type Err = InvalidCorrelationId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for CorrelationId {
    type Error = InvalidCorrelationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<CorrelationId> for String {
    fn from(id: CorrelationId) -> Self {
        id.as_str().to_owned()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_forge_a_log_line_is_not_an_id() {
        let long = "x".repeat(129);
        for malformed in [
            "",
            " ",
            "a b",
            "id\r\nset-cookie: a=b",
            "id\n2026-01-01 ERROR forged",
            "\u{1b}[31mred",
            "a,b",
            "a/b",
            "${jndi:ldap://x}",
            "é",
            "id\0",
            &long,
        ] {
            assert_eq!(
                CorrelationId::parse(malformed),
                Err(InvalidCorrelationId),
                "{malformed:?}"
            );
            if let Ok(value) = HeaderValue::from_str(malformed) {
                assert_eq!(CorrelationId::from_header(&value), None, "{malformed:?}");
            }
        }
        assert_eq!(
            CorrelationId::from_header(&HeaderValue::from_bytes(b"\xff").unwrap()),
            None
        );
        let longest = "x".repeat(128);
        for well_formed in ["a", "A-Z_0.9", longest.as_str()] {
            assert_eq!(
                CorrelationId::parse(well_formed).unwrap().as_str(),
                well_formed
            );
        }
    }

    #[test]
    fn a_new_id_is_a_uuid_of_version_7() {
        let [one, two] = [CorrelationId::new(), CorrelationId::new()];
        assert_ne!(one, two);
        let uuid: Uuid = one.as_str().parse().unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(CorrelationId::parse(one.as_str()), Ok(one));
    }

    #[test]
    fn a_message_with_a_malformed_id_is_not_read() {
        let id = CorrelationId::new();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<CorrelationId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<CorrelationId>(r#""a\nb""#).is_err());
    }

    proptest! {
        #[test]
        fn text_is_refused_or_kept_as_it_is(text in ".{0,140}|[A-Za-z0-9_.-]{0,140}") {
            if let Ok(id) = CorrelationId::parse(&text) {
                prop_assert_eq!(id.as_str(), &text);
                prop_assert_eq!(CorrelationId::from_header(id.as_header_value()), Some(id));
            }
        }

        #[test]
        fn bytes_are_refused_or_kept_as_they_are(bytes in proptest::collection::vec(32_u8.., 0..140)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes)
                && let Some(id) = CorrelationId::from_header(&value)
            {
                prop_assert_eq!(id.as_str().as_bytes(), &bytes);
            }
        }
    }
}
