//! Events over HTTP.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Binding, Event, InvalidEvent};

impl Event {
    /// The event in binary mode, as the headers and the body of a request or an answer.
    ///
    /// # Errors
    /// An attribute has a name or a value that no header can carry; [`check`](Self::check) says so
    /// as well.
    pub fn to_http(&self) -> Result<(HeaderMap, Bytes), InvalidEvent> {
        let (headers, body) = self.to_binary(Binding::HTTP);
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let invalid = |what: &str| InvalidEvent::new(&*name, format!("is no {what}"));
            map.insert(
                HeaderName::try_from(&name).map_err(|_| invalid("name of a header"))?,
                HeaderValue::try_from(value).map_err(|_| invalid("value of a header"))?,
            );
        }
        Ok((map, body))
    }

    /// The event of a request or an answer, in binary or in structured mode.
    ///
    /// # Errors
    /// It is not a CloudEvents 1.0 event; the error names the attribute.
    pub fn from_http(headers: &HeaderMap, body: Bytes) -> Result<Self, InvalidEvent> {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = headers.collect();
        Self::from_message(Binding::HTTP, &headers, body)
    }
}
