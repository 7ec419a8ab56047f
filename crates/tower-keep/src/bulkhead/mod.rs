//! At most so many calls at once, so that one slow dependency cannot take everything.
//!
//! # Why
//!
//! A dependency that answers slowly does more harm than one that is down: calls pile up, and with them
//! connections, memory and tasks, until parts of the program that never needed it stop as well. A
//! bulkhead gives each dependency its own places. When they are taken, a further call is refused at
//! once, which costs nothing, or waits in a queue of a length you choose.
//!
//! A call holds its place until the end of the response *body*, so ten slow downloads are ten calls,
//! not none. A caller that gives up gives its place, or its place in the queue, back.
//!
//! How many places? As many calls as the dependency handles at once when it is well: its calls per
//! second times the seconds one takes (Little's law), and some room on top.
//!
//! # When not
//!
//! To limit calls per second: that is a rate limit. To protect a service whose capacity changes: that
//! needs a limit that adapts. Twice on the way of one call: it would take two places, and the last
//! would be refused its second.
//!
//! # Where in the stack
//!
//! On a server outside the handler and inside the timeout, so that the deadline covers the queue. On
//! a client inside retry and circuit breaker, so that a place is held for one attempt and not through
//! the waits between them.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::bulkhead::BulkheadLayer;
//!
//! let app: Router = Router::new()
//!     .route("/report", get(|| async { "done" }))
//!     // All connections and routes share the 100 places; call 101 gets a 503 at once.
//!     .layer(BulkheadLayer::new(100).named("reports"));
//! ```
//!
//! CPU-bound work wants places of its own, on threads of its own: see [`CpuBulkhead`].

mod acquire;
mod config;
mod cpu;
mod future;
mod handle;
mod layer;
mod owner;
mod permit;
mod permits;
mod service;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    acquire::Acquire,
    config::BulkheadConfig,
    cpu::{CpuBulkhead, CpuError},
    future::ResponseFuture,
    handle::{BulkheadHandle, BulkheadSnapshot},
    layer::BulkheadLayer,
    permit::Permit,
    service::Bulkhead,
};

pub(crate) const LAYER: &str = "bulkhead";
