//! Another answer where the service has none: a made one, an older one, or another service's.
//!
//! # Why
//!
//! A page without recommendations is better than no page, and yesterday's prices marked as such are
//! better than none. Which answer will do depends on what went wrong: a refusal costs nothing and may
//! be answered by a constant, a failure perhaps by another region. So rules go by
//! [cause](Cause), in order, and an answer is a function of what went wrong, an async function, the
//! [last good answer](FallbackLayer::when_stale) to the same request, or [another
//! service](FallbackLayer::when_service). Nothing has to be `Clone` for that.
//!
//! Every answer that is not the service's says so: by the extension [`FallbackAnswer`], by the refusal
//! that it stands for ([`Rejection::of`](crate::rejection::Rejection::of)), in events, and to other
//! processes by a header if [you wish](FallbackConfig::header).
//!
//! # When not
//!
//! Where a wrong answer is worse than none: balances, stock, permissions. For a caller's own mistakes;
//! those never get here. To hide an outage: watch `fallback_answered`.
//!
//! # Where in the stack
//!
//! Outside everything that can say no: breaker, bulkhead, limits, retry, timeout. What the layers
//! inside count stays as it was; those outside see an answer.
//!
//! # What is a failure
//!
//! What [`classify`](crate::classify) says of the head of an answer. A body that breaks off later is
//! the caller's. On gRPC only another service can answer, unless the layer is
//! [for gRPC alone](FallbackLayer::grpc).
//!
//! # Cost
//!
//! Without rules nothing. On HTTP the method and the target are kept while a call runs; of a good
//! answer to a `GET`, if [kept answers](FallbackLayer::when_stale) are asked for, a copy of the head and
//! the frames as they pass. Another service costs what a retry does: a copy of the request's head.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use http::Response;
//! use tower_keep::fallback::{Cause, Causes, FallbackLayer};
//!
//! let fallback = FallbackLayer::new()
//!     .when_stale(Causes::ANY)
//!     .when(Cause::Open | Cause::TimedOut, |_| Response::new("[]"));
//! let app: Router = Router::new()
//!     .route("/recommendations", get(|| async { "[1, 2]" }))
//!     .layer(fallback);
//! # let _ = app;
//! ```

mod backup;
mod cause;
mod config;
mod future;
mod gives;
mod handle;
mod keeper;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod rules;
mod service;
mod shared;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use self::{
    backup::{Backup, NoBackup, Once, With},
    cause::{Asked, Cause, Causes, Failed, FallbackAnswer},
    config::FallbackConfig,
    future::ResponseFuture,
    gives::{Gives, KeptAnswer, Recording},
    handle::{FallbackHandle, FallbackSnapshot},
    keeper::Keeper,
    layer::FallbackLayer,
    service::Fallback,
};

pub(crate) const LAYER: &str = "fallback";
