/// What is wrong with an event, with the name of the attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {reason}")]
pub struct InvalidEvent {
    attribute: String,
    reason: String,
}

impl InvalidEvent {
    pub(crate) fn new(attribute: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            attribute: attribute.into(),
            reason: reason.into(),
        }
    }

    /// The same, of an event that is part of something.
    pub(super) fn within(self, place: &str) -> Self {
        Self {
            attribute: format!("{place}.{}", self.attribute),
            reason: self.reason,
        }
    }

    /// The attribute, as it is called in JSON.
    #[must_use]
    pub fn attribute(&self) -> &str {
        &self.attribute
    }
}
