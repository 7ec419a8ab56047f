//! One deadline for a call: the queue, the head of the answer and its body.
//!
//! # Why
//!
//! An answer that comes too late is work done for nobody, and it is done with connections, memory
//! and permits that other calls wait for. A deadline ends it. The deadline that counts is not only
//! the one configured here: a caller that waits for 800 ms has no use for an answer after 30 s. So the
//! earliest of all that are known applies, what is left of it is passed on to the services behind,
//! and a call that arrives too late is refused before anything is done for it.
//!
//! # Which time runs when
//!
//! | time | starts | ends | what the client sees |
//! |---|---|---|---|
//! | [`timeout`](TimeoutConfig::timeout), until the head | when the call arrives[^plain] | with the head of the answer | the status of the [`Role`]; gRPC `DEADLINE_EXCEEDED` |
//! | [`timeout`](TimeoutConfig::timeout), over the body | the same moment: it is one deadline | with the last frame | a body that breaks off: HTTP/1 closes the connection, HTTP/2 resets the stream |
//! | [`body_idle`](TimeoutConfig::body_idle) | when the client wants a frame and there is none | with the next frame | the same |
//! | none left on arrival | | | the status of the role, before the service is called |
//!
//! Work is always asked before the timer: an answer that is there when the time is up is delivered.
//! A body that always has the next frame at hand is never cut off; whoever reads it slowly is not the
//! service's fault.
//!
//! [^plain]: On a service that is not HTTP it starts when the call first has to wait, or when anyone
//!     inside asks for [`deadline()`](crate::context::deadline); a call that is answered at once never
//!     reads the clock and never makes a timer.
//!
//! # The earliest counts
//!
//! - [`TimeoutConfig::timeout`], or in its place a [`RequestTimeout`] among the request's extensions
//!   or from [`TimeoutLayer::timeout_for`];
//! - a [`Deadline`](crate::context::Deadline) among the request's extensions;
//! - the [`deadline()`](crate::context::deadline) that is in force where the call is made: that of the
//!   server's timeout layer, in a call that a handler makes;
//! - `x-request-timeout`, and on gRPC `grpc-timeout`, unless [headers are not
//!   trusted](TimeoutConfig::trust_headers). They only shorten. A malformed one is left out of account.
//!   Who waits for too short a time has given up, and that is no failure of the service, unless
//!   callers are [fully trusted](HeaderTrust::Full).
//!
//! `x-request-timeout` is a number of at most 8 digits with `ms`, `s` or `m`; a bare number means
//! milliseconds. We write it as `800ms`. `grpc-timeout` is the one of the [gRPC protocol].
//!
//! # The client that sends too slowly
//!
//! This layer leaves the request's body alone, so that it fits clients that take one type of body
//! only. It therefore cannot know whether a server waited for the rest of an upload, and never
//! answers 408. On servers, [`RequestBodyTimeoutLayer`] does both.
//!
//! # When not
//!
//! Around work that must not be stopped halfway: at the deadline the future of the call is dropped.
//! Spawn such work with [`context::spawn`](crate::context::spawn()), which leaves the deadline behind.
//!
//! # Where in the stack
//!
//! Outermost but for the correlation id, so that the deadline covers every queue; on a client once
//! more inside retry, with [`TimeoutConfig::attempt`], for each attempt. There it also writes what is
//! left into each attempt's headers.
//!
//! Waiting for [readiness](tower_service::Service::poll_ready) comes before the call. The layers of
//! this crate wait in the call, and so does an axum router; around a service that waits in
//! `poll_ready`, such as tower's `ConcurrencyLimit`, put a [`QueueInCallLayer`], and the deadline covers
//! that as well.
//!
//! # What it costs
//!
//! A call that is answered at once: nothing on the heap and no timer; on HTTP one clock read. One that
//! waits: one tokio timer, in the future itself. Passing the deadline on adds a header, which http's
//! header map keeps on the heap.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, routing::get};
//! use tower_keep::timeout::{TimeoutConfig, TimeoutLayer};
//!
//! # fn main() -> Result<(), tower_keep::config::ConfigError> {
//! let app: Router = Router::new()
//!     .route("/orders", get(|| async { "[]" }))
//!     // A 503 after 2 s, or earlier if the caller's own deadline is earlier.
//!     .layer(TimeoutLayer::new(Duration::from_secs(2)));
//!
//! let events: Router = Router::new()
//!     .route("/events", get(|| async { "data: hello\n\n" }))
//!     // 30 s for the head; the stream may last for hours if a frame comes every 30 s.
//!     .layer(TimeoutLayer::from_config(TimeoutConfig::streaming())?);
//! # let _: (Router, Router) = (app, events);
//! # Ok(())
//! # }
//! ```
//!
//! [gRPC protocol]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

mod arrival;
mod body;
mod config;
mod future;
mod handle;
mod header;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod queue;
mod request;
mod request_body;
mod role;
mod service;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod timed_body;
mod timer;

pub use self::{
    body::BodyTimer,
    config::{BodyDeadline, HeaderTrust, TimeoutConfig},
    future::ResponseFuture,
    handle::{TimeoutHandle, TimeoutSnapshot},
    layer::TimeoutLayer,
    queue::{QueueInCall, QueueInCallLayer, QueuedFuture},
    request::RequestTimeout,
    request_body::{RequestBodyTimeout, RequestBodyTimeoutFuture, RequestBodyTimeoutLayer},
    role::Role,
    service::Timeout,
    timed_body::TimedRequestBody,
};

pub(crate) const LAYER: &str = "timeout";
