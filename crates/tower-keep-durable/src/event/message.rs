//! Events as messages of any transport, in either mode.

use bytes::Bytes;

use super::{Binding, Event, InvalidEvent, binary::CONTENT_TYPE, media_type};

impl Event {
    /// The event of a message with these headers and this body, in binary or in structured mode:
    /// `content-type` tells which. Where the transport keeps that outside of its headers, give it as
    /// one.
    ///
    /// # Errors
    /// It is not a CloudEvents 1.0 event; the error names the attribute.
    pub fn from_message(
        binding: Binding,
        headers: &[(&str, &[u8])],
        body: Bytes,
    ) -> Result<Self, InvalidEvent> {
        let content_type = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE))
            .and_then(|(_, value)| std::str::from_utf8(value).ok());
        match content_type {
            Some(kind) if media_type::is(kind, Self::JSON) => {
                let text = std::str::from_utf8(&body)
                    .map_err(|_| InvalidEvent::new("event", "is not UTF-8"))?;
                Self::from_json(text)
            }
            Some(kind) if media_type::is(kind, Self::JSON_BATCH) => {
                let reason = "is a batch: read it with Event::batch_from_json";
                Err(InvalidEvent::new("event", reason))
            }
            Some(kind) if media_type::is_cloud_event(kind) => {
                let reason = format!("is in the format {kind}, and only JSON is read");
                Err(InvalidEvent::new("event", reason))
            }
            _ => Self::from_binary(binding, headers.iter().copied(), body),
        }
    }
}
