use tower_keep::context::TraceParent;

use crate::input;

/// A `traceparent`: what is taken is sent on with the same ids, and taken again by the next.
pub fn trace_parent(bytes: &[u8]) {
    let Some(value) = input::value(bytes) else {
        return;
    };
    let taken = TraceParent::from_header(&value);
    if let Ok(text) = value.to_str() {
        assert_eq!(taken, TraceParent::parse(text).ok());
    }
    let Some(taken) = taken else { return };
    let sent = taken.to_string();
    assert_eq!(sent.len(), 55, "version 00, which every service reads");
    let next = TraceParent::parse(&sent).expect("what is sent is valid");
    assert_eq!(next.trace_id(), taken.trace_id());
    assert_eq!(next.to_string(), sent);
}
