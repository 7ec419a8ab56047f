use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;

use super::{Load, Request};

/// People, or programs, who call and do not wait for ever.
#[derive(Clone, Debug)]
pub struct Customers {
    pub(super) name: String,
    pub(super) load: Load,
    pub(super) patience: Duration,
    pub(super) frame_every: Duration,
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Customers {
    /// Customers of this name who come at this rate, `GET /`, and have gone after 2 s.
    #[must_use]
    pub fn new(name: impl Into<String>, load: Load) -> Self {
        Self {
            name: name.into(),
            load,
            patience: Duration::from_secs(2),
            frame_every: Duration::ZERO,
            method: Method::GET,
            uri: Uri::from_static("/"),
            headers: Vec::new(),
        }
    }

    /// After this time they have gone; the call is dropped and an answer is of no use any more.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// They read a frame of the answer's body and then nothing for so long. Default: at once.
    #[must_use]
    pub fn reading_a_frame_every(mut self, pause: Duration) -> Self {
        self.frame_every = pause;
        self
    }

    /// Another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Another path.
    #[must_use]
    pub fn path(mut self, path: &'static str) -> Self {
        self.uri = Uri::from_static(path);
        self
    }

    /// A header on each of their requests.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        let header = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        self.headers.push(header);
        self
    }

    /// A request; its correlation id says which, so that layers which draw lots by it can be replayed.
    pub(super) fn request(&self, number: u64) -> Request {
        let mut request = Request::new(Full::default());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.extend(self.headers.iter().cloned());
        let id = HeaderValue::from_str(&format!("sim-{number:x}")).expect("letters and digits");
        headers.insert("x-correlation-id", id);
        request
    }
}
