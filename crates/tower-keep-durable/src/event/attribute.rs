use bytes::Bytes;
use time::OffsetDateTime;

/// The value of an extension attribute, of one of the types that CloudEvents knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// True or false.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Text; a URI is text as well.
    String(String),
    /// Bytes, which travel as base64.
    Binary(Bytes),
    /// A moment, which travels as RFC 3339.
    Timestamp(OffsetDateTime),
}

impl Attribute {
    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i32> for Attribute {
    fn from(number: i32) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Attribute {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

impl From<OffsetDateTime> for Attribute {
    fn from(time: OffsetDateTime) -> Self {
        Self::Timestamp(time)
    }
}

impl From<Bytes> for Attribute {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}
