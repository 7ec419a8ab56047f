//! What a request brings, and what is believed of it.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Trust,
    outbound::{TRACEPARENT, TRACESTATE},
};
use crate::context::{CorrelationId, TraceParent, has_b3, read_b3};

/// Something in a request's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Brought<T> {
    /// It is not there.
    Nothing,
    /// It is there, and is kept.
    Accepted(T),
    /// It is there, malformed, ambiguous or not trusted.
    Refused,
}

impl<T> Brought<T> {
    pub(super) fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(value) => Some(value),
            Self::Nothing | Self::Refused => None,
        }
    }
}

/// Which of the headers that are read here a request may have.
///
/// One look at each name costs less than a search for each that there could be: most requests have
/// none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) id: bool,
    pub(super) trace: bool,
    pub(super) attempt: bool,
    pub(super) priority: bool,
}

impl Present {
    pub(super) fn in_headers(
        headers: &HeaderMap,
        header: &HeaderName,
        also: &[HeaderName],
    ) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "traceparent" | "b3" | "x-b3-traceid" => present.trace = true,
                "x-retry-attempt" | "x-envoy-attempt-count" | "grpc-previous-rpc-attempts" => {
                    present.attempt = true;
                }
                "priority" | "x-failsafe-level" | "x-failsafe-priority" => present.priority = true,
                _ => {}
            }
            present.id |= name == header || also.contains(name);
        }
        present
    }
}

/// The first acceptable id in the headers of these names, in this order.
pub(super) fn correlation_id<'a>(
    headers: &HeaderMap,
    names: impl Iterator<Item = &'a HeaderName>,
    trust: Trust,
) -> Brought<CorrelationId> {
    let mut brought = Brought::Nothing;
    for name in names {
        match only(headers, name, trust, CorrelationId::from_header) {
            Brought::Nothing => {}
            Brought::Refused => brought = Brought::Refused,
            accepted @ Brought::Accepted(_) => return accepted,
        }
    }
    brought
}

/// The place in a trace: from `traceparent`, or from the headers of B3 where there is none.
pub(super) fn trace_parent(headers: &HeaderMap, trust: Trust) -> Brought<TraceParent> {
    match only(headers, &TRACEPARENT, trust, TraceParent::from_header) {
        Brought::Nothing if has_b3(headers) => match read_b3(headers) {
            Some(parent) if trust == Trust::Accept => Brought::Accepted(parent),
            _ => Brought::Refused,
        },
        brought => brought,
    }
}

/// The `tracestate`; several headers of the name are one list, cut in pieces.
pub(super) fn trace_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(&TRACESTATE).iter();
    let first = values.next()?;
    if values.next().is_none() {
        return Some(first.clone());
    }
    let pieces: Vec<_> = headers
        .get_all(&TRACESTATE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    HeaderValue::from_bytes(&pieces.join(&b',')).ok()
}

/// Puts the id in the place of every value that was refused, so that nothing inside sees those.
pub(super) fn overwrite_id<'a>(
    headers: &mut HeaderMap,
    names: impl Iterator<Item = &'a HeaderName>,
    id: &CorrelationId,
) {
    for name in names {
        if headers.contains_key(name) {
            headers.insert(name, id.as_header_value().clone());
        }
    }
}

/// The same for a trace, whose state goes with it.
pub(super) fn overwrite_trace(headers: &mut HeaderMap, trace: TraceParent) {
    headers.insert(&TRACEPARENT, trace.to_header_value());
    headers.remove(&TRACESTATE);
}

/// The one value of this name. Two are as good as none: who would say which is right?
fn only<T>(
    headers: &HeaderMap,
    name: &HeaderName,
    trust: Trust,
    read: impl FnOnce(&HeaderValue) -> Option<T>,
) -> Brought<T> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Brought::Nothing,
        (Some(value), None) if trust == Trust::Accept => match read(value) {
            Some(value) => Brought::Accepted(value),
            None => Brought::Refused,
        },
        _ => Brought::Refused,
    }
}
