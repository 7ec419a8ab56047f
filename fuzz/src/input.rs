use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use tokio::runtime::{Builder, Runtime};

/// The lines of a text that can be headers, `name: value`, as a server would take them in.
pub(crate) fn headers(lines: &[u8]) -> HeaderMap {
    let lines = lines.split(|byte| *byte == b'\n');
    lines.filter_map(header).take(100).collect()
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// What the targets send.
pub(crate) type Request = http::Request<Full<Bytes>>;

/// A request with these headers.
pub(crate) fn request(headers: HeaderMap) -> Request {
    let mut request = http::Request::new(empty());
    *request.headers_mut() = headers;
    request
}

pub(crate) fn empty() -> Full<Bytes> {
    Full::default()
}

/// One value, if the bytes can be one.
pub(crate) fn value(bytes: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(bytes).ok()
}

/// What a text says before an empty line, and after it.
pub(crate) fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let split = bytes.windows(2).position(|pair| pair == b"\n\n");
    split.map_or((bytes, &[]), |at| (&bytes[..at], &bytes[at + 2..]))
}

/// Runs a future to its end, in time that moves only when all wait for it.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: RefCell<Runtime> = RefCell::new(
            Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("needs nothing from the system"),
        );
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}
