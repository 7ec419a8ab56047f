//! As much of media types as it takes to tell JSON and text from the rest.

/// Whether it looks like `type/subtype`, with or without parameters.
pub(super) fn is_well_formed(text: &str) -> bool {
    let token = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-*'`|~%".contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    essence(text)
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// Whether it is `application/json` or the like.
pub(super) fn is_json(text: &str) -> bool {
    has_subtype(text, "json")
}

/// Whether it is `text/plain` or the like.
pub(super) fn is_text(text: &str) -> bool {
    let text = essence(text);
    text.get(..5)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
        || has_subtype(text, "xml")
}

/// Whether it is this media type, whatever its parameters.
pub(super) fn is(text: &str, wanted: &str) -> bool {
    essence(text).eq_ignore_ascii_case(wanted)
}

/// Whether it is a CloudEvent, or several, in whatever format.
pub(super) fn is_cloud_event(text: &str) -> bool {
    let prefix = "application/cloudevents";
    text.trim_start()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn has_subtype(text: &str, wanted: &str) -> bool {
    essence(text).split_once('/').is_some_and(|(_, subtype)| {
        let last = subtype.rsplit('+').next().unwrap_or(subtype);
        last.eq_ignore_ascii_case(wanted)
    })
}

/// Without parameters.
fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}
