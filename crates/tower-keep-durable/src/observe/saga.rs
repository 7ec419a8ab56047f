use std::time::Duration;

use super::{Span, gauge, histogram, span::Place};
use crate::saga::{Figures, Try};

/// Around one try of a step. Of the parent in another process the ids are known.
pub(crate) fn attempt_span(made: &Try<'_>) -> Span {
    let place = Place::of(made.traceparent);
    Span::new(tracing::info_span!(
        target: "tower_keep_durable",
        "saga_attempt",
        saga = made.saga,
        plan = made.plan,
        id = made.id,
        step = made.step,
        verb = made.verb,
        attempt = made.attempt,
        correlation_id = made.correlation,
        trace_id = place.trace(),
        parent_id = place.parent(),
        outcome = tracing::field::Empty,
    ))
}

/// What came of a try, as the log of the saga calls it.
pub(crate) fn attempted(span: &Span, made: &Try<'_>, event: &'static str, took: Duration) {
    span.outcome(event);
    let labels = [
        ("saga", made.saga.to_owned()),
        ("step", made.step.to_owned()),
        ("event", event.to_owned()),
    ];
    histogram("tower_keep_saga_attempt_seconds", labels, took);
}

/// A try of a saga's step has come to an end, and that is written.
#[cfg(feature = "metrics")]
pub(crate) fn saga_step(saga: &'static str, event: &'static str) {
    metrics::counter!("tower_keep_saga_steps_total", "saga" => saga, "event" => event).increment(1);
}

/// A try of a saga's step has come to an end, and that is written.
#[cfg(not(feature = "metrics"))]
pub(crate) fn saga_step(_: &'static str, _: &'static str) {}

/// A saga has ended, or waits for a person, so long after it was started.
pub(crate) fn saga_stands(
    saga: &'static str,
    id: &str,
    status: &'static str,
    step: &str,
    error: Option<&str>,
    age: Duration,
) {
    #[cfg(feature = "metrics")]
    metrics::counter!("tower_keep_sagas_total", "saga" => saga, "status" => status).increment(1);
    let labels = [("saga", saga.to_owned()), ("status", status.to_owned())];
    histogram("tower_keep_saga_seconds", labels, age);
    let error = error.unwrap_or_default();
    if status == "parked" {
        tracing::error!(target: "tower_keep_durable", saga, id, step, error, "saga parked, somebody must look at it");
    } else {
        tracing::debug!(target: "tower_keep_durable", saga, id, status, step, error, "saga ended");
    }
}

/// How the sagas of a database stand.
pub(crate) fn sagas(figures: &Figures) {
    for (status, number) in [
        ("running", figures.running),
        ("compensating", figures.compensating),
        ("parked", figures.parked),
    ] {
        let label = [("status", status.to_owned())];
        gauge("tower_keep_sagas", label, count(number));
    }
    for (name, value) in [
        (
            "tower_keep_saga_oldest_seconds",
            figures.oldest.as_secs_f64(),
        ),
        (
            "tower_keep_sagas_not_progressing",
            count(figures.not_progressing),
        ),
        ("tower_keep_sagas_unknown_plan", count(figures.unknown_plan)),
    ] {
        gauge(name, [], value);
    }
    if figures.unknown_plan > 0 {
        let sagas = figures.unknown_plan;
        tracing::warn!(target: "tower_keep_durable", sagas, "sagas of plans that this worker does not know are left to others");
    }
}

/// As a number that a gauge takes.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 sagas")]
fn count(number: i64) -> f64 {
    number as f64
}
