use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::{Serialize, de::DeserializeOwned};

/// What is answered, and answered again: a status, headers and a body, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) replayed: bool,
}

impl Answer {
    /// An answer; the statuses are HTTP's. From 400 on it is a rejection: nothing was done.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            replayed: false,
        }
    }

    /// An answer in JSON.
    ///
    /// # Panics
    /// `body` does not serialize to JSON.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("an answer is plain data");
        let mut answer = Self::new(status, body);
        answer
            .headers
            .push(("content-type".to_owned(), "application/json".to_owned()));
        answer
    }

    /// With a header more.
    ///
    /// # Errors
    /// HTTP has no such header; the error names it.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let valid = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
        if !valid {
            return Err(InvalidHeader(name.to_owned()));
        }
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        Ok(self)
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers, with names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body, read.
    ///
    /// # Errors
    /// It is not JSON of this shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// Whether it is a business "no": nothing was done, and nothing is to be undone.
    #[must_use]
    pub fn is_rejection(&self) -> bool {
        self.status >= 400
    }

    /// Whether it is the answer of last time.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }
}

/// A header that HTTP cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the header {0:?} has a name or value that HTTP cannot carry: use visible ASCII")]
pub struct InvalidHeader(String);
