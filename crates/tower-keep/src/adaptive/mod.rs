//! As many calls at once as the service can take, found by measuring.
//!
//! # Why
//!
//! The right number of calls at once is the throughput times the latency of a service that is well, and
//! both change: with a deployment, a neighbour, a database that grows. A limit that was right last year
//! is too high in the outage, when calls pile up in the service and every answer comes too late to be of
//! use, or too low at all other times. This one is found anew all the time: calls are measured in
//! windows, and at the end of each the limit moves.
//!
//! It comes down when answers take longer than they should, when calls are dropped, or when more calls
//! in flight have brought later answers and not more of them. It grows only while it is what limits: a
//! quiet night does not raise it. A burst of drops is one decrease, because what began before the limit
//! came down says nothing about the new one. `snapshot()` has every number that the last decision was
//! made of, and each change is an event with its reason.
//!
//! What says how much: the [gradient](GradientConfig) of the latency against a baseline that is measured
//! anew (the default), [Vegas](VegasConfig), [AIMD](AimdConfig), or an [`Algorithm`] of yours.
//!
//! | a call that | is |
//! |---|---|
//! | was answered well | a sample of the latency, by default to the head of the answer |
//! | was answered with overload, or ran into a deadline of this crate | a drop |
//! | failed, and took twice the baseline | a drop, unless [`failures`](AdaptiveConfig::failures) says otherwise |
//! | failed sooner | not counted |
//! | was given up by its caller after more than the baseline | a sample: it would have taken longer still |
//! | was given up sooner, or refused further in | not counted |
//!
//! A call holds its place until the end of the response body.
//!
//! # When not
//!
//! Where the right number is known and does not change, such as the connections of a pool: that is a
//! bulkhead. To limit calls per second: that is a rate limit. In front of answers that take as long as
//! the caller likes, such as streams of events: with a long-lived head they say nothing, and their
//! places are taken for good.
//!
//! # Where in the stack
//!
//! Where a bulkhead would be. On a server outside the handler and inside the timeout, whose deadline
//! then counts as a drop. On a client inside retry and circuit breaker, next to the service.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::adaptive::AdaptiveLayer;
//!
//! let limit = AdaptiveLayer::new().named("api").exempt(|head| head.uri.path() == "/livez");
//! let state = limit.handle();
//! let app: Router = Router::new()
//!     .route("/report", get(|| async { "done" }))
//!     .layer(limit);
//! assert_eq!(state.snapshot().limit, 20, "until something is known");
//! ```

mod aimd;
mod algorithm;
mod baseline;
mod config;
mod core;
mod counts;
mod drift;
mod future;
mod gradient;
mod handle;
mod histogram;
mod layer;
mod meter;
mod owner;
mod partition;
mod permit;
mod reason;
mod rules;
mod service;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod vegas;

pub use self::{
    aimd::AimdConfig,
    algorithm::{Algorithm, Sample, Step},
    config::{AdaptiveConfig, AlgorithmConfig, Failures, Measure},
    future::ResponseFuture,
    gradient::GradientConfig,
    handle::AdaptiveHandle,
    layer::AdaptiveLayer,
    partition::PartitionSnapshot,
    permit::Permit,
    service::Adaptive,
    snapshot::{AdaptiveSnapshot, WindowSnapshot},
    vegas::VegasConfig,
};

pub(crate) const LAYER: &str = "adaptive";
