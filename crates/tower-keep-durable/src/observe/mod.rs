//! Where logs, spans and metrics of this crate come from: nobody else names `tracing` or `metrics`. A
//! file for each room; what users may rely on is in the docs of the crate.

mod bus;
mod consumer;
mod outbox;
mod projection;
mod saga;
mod span;

#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
pub(crate) use self::bus::{not_an_event, reconnecting};
pub(crate) use self::{
    consumer::{again, buried, cut_off, handle_span, handled, letters},
    outbox::{backlog, published, refused, relay_span},
    projection::lag,
    saga::{attempt_span, attempted, saga_stands, saga_step, sagas},
    span::Span,
};
use crate::BoxError;

/// A pass of a background worker failed; it is made again.
pub(crate) fn failed(worker: &'static str, error: &BoxError) {
    tracing::warn!(target: "tower_keep_durable", worker, error = %error, "pass failed, will be made again");
}

/// The present size of something.
#[cfg(feature = "metrics")]
fn gauge<const N: usize>(name: &'static str, labels: [(&'static str, String); N], value: f64) {
    metrics::gauge!(name, &labels).set(value);
}

/// The present size of something.
#[cfg(not(feature = "metrics"))]
fn gauge<const N: usize>(_: &'static str, _: [(&'static str, String); N], _: f64) {}

/// How long something took.
#[cfg(feature = "metrics")]
fn histogram<const N: usize>(
    name: &'static str,
    labels: [(&'static str, String); N],
    took: std::time::Duration,
) {
    metrics::histogram!(name, &labels).record(took.as_secs_f64());
}

/// How long something took.
#[cfg(not(feature = "metrics"))]
fn histogram<const N: usize>(
    _: &'static str,
    _: [(&'static str, String); N],
    _: std::time::Duration,
) {
}
