//! Attributes as text, which is how they travel everywhere.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{Attribute, InvalidEvent};

/// The moment as RFC 3339; none of a year that it cannot say.
pub(super) fn timestamp(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok().or_else(|| {
        // An offset with seconds is one of the things that it cannot say.
        let utc = time.checked_to_offset(UtcOffset::UTC)?;
        utc.format(&Rfc3339).ok()
    })
}

/// The same, of an event that may not have been checked: then as the moment says itself.
pub(super) fn any_timestamp(time: OffsetDateTime) -> String {
    timestamp(time).unwrap_or_else(|| time.to_string())
}

pub(super) fn parse_timestamp(name: &str, text: &str) -> Result<OffsetDateTime, InvalidEvent> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| InvalidEvent::new(name, error.to_string()))
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub(super) fn parse_base64(name: &str, text: &str) -> Result<Bytes, InvalidEvent> {
    let bytes = BASE64_STANDARD.decode(text);
    bytes
        .map(Bytes::from)
        .map_err(|error| InvalidEvent::new(name, error.to_string()))
}

impl Attribute {
    /// Its text, as CloudEvents spells its type.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Integer(number) => number.to_string().into(),
            Self::String(text) => text.into(),
            Self::Binary(bytes) => base64(bytes).into(),
            Self::Timestamp(time) => any_timestamp(*time).into(),
        }
    }
}
