//! Why this request got this answer: what each layer did with it, in the response.
//!
//! # Why
//!
//! "Why was this a 503?" The metrics say how many were, not why this one was. This layer writes down
//! what every layer inside did with a call: let in and after what wait, which attempts and why not
//! another, in which state the breaker was, how many retries and how much time were left, what
//! answered in place of the service. The layers themselves need nothing for that.
//!
//! The [`Decision`] is
//!
//! - in the extensions of the response, for code outside: access logs, tests;
//! - an event [`CallExplained`](crate::observe::EventKind::CallExplained) once the call is over: a log
//!   line at `DEBUG` for calls that were refused, retried or dropped, with all of the decision in one
//!   line, and the only trace of a call that nobody waited for;
//! - in the field `decision` of the present `tracing` span, if a layer outside declared one;
//! - a `Server-Timing` header, for [callers that you trust](DecisionLayer::server_timing): browsers and
//!   tools show it.
//!
//! # When not
//!
//! As metrics: those count without it. For calls of a few microseconds that must not allocate: a
//! recorded call costs a handful of allocations, and each event of a layer is made and kept.
//!
//! # Where in the stack
//!
//! Outermost, on a server or on a client. What handlers call through clients with layers is in the
//! record of the request as well. A record inside another tells the one outside everything.
//!
//! What runs in the task of the call is written down, `join!` and hedged attempts included. What runs
//! in a task that was spawned is not, since it may outlive the call; give it
//! [`Decision::current`] if it should be, and run it in the [`scope`](Decision::scope) of that.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use tower::{BoxError, ServiceBuilder, ServiceExt};
//! use tower_keep::{bulkhead::BulkheadLayer, decision::{Decision, DecisionLayer}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layers = ServiceBuilder::new()
//!     .layer(DecisionLayer::new().server_timing(|head| head.headers.contains_key("x-debug")))
//!     .layer(BulkheadLayer::new(0).named("reports"));
//! let app: Router = Router::new().route("/", get(async || "report")).layer(layers);
//!
//! let request = Request::get("/").header("x-debug", "1").body(Body::empty())?;
//! let response = app.oneshot(request).await?;
//! let decision = response.extensions().get::<Decision>().expect("every response has one");
//! assert_eq!(decision.rejection().expect("it was refused").name(), "reports");
//! assert!(response.headers()["server-timing"].to_str()?.contains("rejected"));
//! # Ok(())
//! # }
//! ```

mod config;
mod future;
mod guard;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod service;
mod shared;
#[cfg(test)]
mod tests;

pub use self::{
    config::DecisionConfig,
    future::ResponseFuture,
    guard::Recorded,
    handle::{DecisionHandle, DecisionSnapshot},
    layer::DecisionLayer,
    service::DecisionService,
};
pub use crate::observe::{Decision, Ending, Entry, Fact};

pub(crate) const LAYER: &str = "decision";
