use http::HeaderMap;
use tower_keep::context::Priority;

use crate::input;

/// `Priority` and its relatives: what is read is one of eight, and is read again as it is sent on.
pub fn priority(bytes: &[u8]) {
    let Some(priority) = Priority::from_headers(&input::headers(bytes)) else {
        return;
    };
    assert!(priority.urgency() <= 7, "{priority:?}");
    let sent = HeaderMap::from_iter([(
        "priority".parse().expect("a name"),
        priority.to_header_value(),
    )]);
    assert_eq!(Priority::from_headers(&sent), Some(priority));
}
