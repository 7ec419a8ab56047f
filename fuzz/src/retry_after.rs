use tower_keep::classify::{Hint, MAX_RETRY_AFTER, retry_hint};

use crate::input;

/// The headers of an answer that say when to come back: no wait is longer than the most there is, and
/// nothing is made of headers that say nothing.
pub fn retry_after(bytes: &[u8]) {
    let headers = input::headers(bytes);
    match retry_hint(&headers) {
        Some(Hint::After(after)) => assert!(after <= MAX_RETRY_AFTER, "{after:?}"),
        Some(_) => {}
        None => assert!(
            !headers.contains_key("grpc-retry-pushback-ms"),
            "a pushback that cannot be read means never"
        ),
    }
}
