//! What a call takes along.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    common::unique,
    context::{Context, CorrelationId, PRIORITY, Priority, RETRY_ATTEMPT, TraceParent},
};

pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Puts a context on a call, or a new id and a new trace; what is set already stays.
pub(super) fn stamp(
    headers: &mut HeaderMap,
    context: Option<&Context>,
    header: &HeaderName,
    trace: bool,
) {
    let attempt = context.map_or(1, Context::inbound_attempt);
    if attempt > 1 {
        // So that nobody behind us multiplies it either.
        headers
            .entry(&RETRY_ATTEMPT)
            .or_insert_with(|| HeaderValue::from(attempt));
    }
    let Some(context) = context else {
        // One UUID is both, so that a search for either finds both.
        let uuid = unique::uuid();
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

/// Puts a priority on a call that says nothing of its own.
pub(super) fn prioritize(headers: &mut HeaderMap, priority: Option<Priority>) {
    if let Some(priority) = priority {
        let value = || priority.to_header_value();
        headers.entry(PRIORITY).or_insert_with(value);
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
