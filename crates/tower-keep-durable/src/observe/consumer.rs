use std::time::Duration;

use super::{Span, gauge, histogram, span::Place};
use crate::{Event, event::Attribute};

/// An event could not be handled and is tried again; attempt 0 is one that was not sent.
pub(crate) fn again(consumer: &str, id: &str, attempt: u32, reason: &str) {
    tracing::warn!(target: "tower_keep_durable", consumer, id, attempt, reason, "event not handled, comes again");
}

/// An event became a dead letter.
pub(crate) fn buried(consumer: &str, id: &str, reason: &str) {
    tracing::error!(target: "tower_keep_durable", consumer, id, reason, "event is a dead letter, its key waits for an operator");
}

/// A consumer stopped before its handlers had ended.
pub(crate) fn cut_off(consumer: &str, handlers: usize) {
    tracing::warn!(target: "tower_keep_durable", consumer, handlers, "stopped before they ended, the events come again");
}

/// How many letters of a consumer wait.
#[allow(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn letters(consumer: &str, dead: u64, parked: u64) {
    for (name, count) in [
        ("tower_keep_dead_letters", dead),
        ("tower_keep_parked_letters", parked),
    ] {
        gauge(name, [("consumer", consumer.to_owned())], count as f64);
    }
}

/// Around one delivery, from its arrival to its end.
pub(crate) fn handle_span(consumer: &str, event: &Event, delivery: u32) -> Span {
    let trace = event.extension("traceparent");
    let place = Place::of(trace.and_then(Attribute::as_str));
    Span::new(tracing::info_span!(
        target: "tower_keep_durable",
        "handle_event",
        consumer,
        id = event.id(),
        source = event.source(),
        kind = event.kind(),
        delivery,
        correlation_id = event.correlation_id(),
        trace_id = place.trace(),
        parent_id = place.parent(),
        outcome = tracing::field::Empty,
    ))
}

/// A handler has answered.
pub(crate) fn handled(consumer: &str, outcome: &'static str, took: Duration) {
    let labels = [
        ("consumer", consumer.to_owned()),
        ("outcome", outcome.to_owned()),
    ];
    histogram("tower_keep_event_handle_seconds", labels, took);
}
