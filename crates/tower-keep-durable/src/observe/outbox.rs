use std::time::Duration;

use super::{Span, gauge, histogram};
use crate::outbox::Backlog;

/// The bus will never take an event of the outbox.
pub(crate) fn refused(position: i64, reason: &str) {
    tracing::error!(target: "tower_keep_durable", position, reason, "the bus refuses an event, its key waits for an operator");
}

/// What waits to be published.
pub(crate) fn backlog(backlog: Backlog) {
    #[allow(clippy::cast_precision_loss, reason = "a gauge")]
    for (state, count) in [("unsent", backlog.unsent), ("refused", backlog.refused)] {
        let label = [("state", state.to_owned())];
        gauge("tower_keep_outbox_events", label, count as f64);
    }
    let label = [("state", "unsent".to_owned())];
    let oldest = backlog.oldest.as_secs_f64();
    gauge("tower_keep_outbox_oldest_seconds", label, oldest);
}

/// Around the publishing of so many events, and their mark.
pub(crate) fn relay_span(events: usize) -> Span {
    Span::new(tracing::info_span!(
        target: "tower_keep_durable",
        "relay_batch",
        events,
        sent = tracing::field::Empty,
        refused = tracing::field::Empty,
        outcome = tracing::field::Empty,
    ))
}

/// What became of a batch.
pub(crate) fn published(span: &Span, sent: usize, refused: usize, stopped: bool, took: Duration) {
    let outcome = if stopped { "unavailable" } else { "confirmed" };
    span.count("sent", sent);
    span.count("refused", refused);
    span.outcome(outcome);
    let label = [("outcome", outcome.to_owned())];
    histogram("tower_keep_outbox_publish_seconds", label, took);
}
