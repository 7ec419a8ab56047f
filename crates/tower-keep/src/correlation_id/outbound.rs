//! What a call takes along.

use http::{HeaderMap, HeaderName};

use crate::context::{Context, CorrelationId, TraceParent, new_uuid};

pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Puts a context on a call, or a new id and a new trace; what is set already stays.
pub(super) fn stamp(
    headers: &mut HeaderMap,
    context: Option<&Context>,
    header: &HeaderName,
    trace: bool,
) {
    let Some(context) = context else {
        // One UUID is both, so that a search for either finds both.
        let uuid = new_uuid();
        headers
            .entry(header)
            .or_insert_with(|| CorrelationId::from_uuid(uuid).as_header_value().clone());
        if trace && !headers.contains_key(&TRACEPARENT) {
            set_trace(headers, TraceParent::from_uuid(uuid), None);
        }
        return;
    };
    headers
        .entry(header)
        .or_insert_with(|| context.correlation_id().as_header_value().clone());
    if trace && !headers.contains_key(&TRACEPARENT) {
        match context.trace_parent() {
            Some(parent) => set_trace(headers, parent.child(), Some(context)),
            None => set_trace(headers, TraceParent::new(), None),
        }
    }
}

/// Sets a trace, with the state of the context it belongs to. The state of another trace must not
/// stay.
fn set_trace(headers: &mut HeaderMap, trace: TraceParent, context: Option<&Context>) {
    headers.insert(&TRACEPARENT, trace.to_header_value());
    match context.and_then(Context::trace_state) {
        Some(state) => drop(headers.insert(&TRACESTATE, state.clone())),
        None => drop(headers.remove(&TRACESTATE)),
    }
}
