//! Work that goes on when its caller has gone, and not without end.
//!
//! # Why
//!
//! A client that hangs up drops the handler's future wherever it is: between the payment and the line
//! that records it. For reads that is right, nobody waits for the answer. For writes it is how a
//! system gets into states that no code path describes. With this layer a write that has begun is
//! finished in a task of its own when its caller goes away or its time runs out.
//!
//! Spawning every handler does the same and has no bound: at an outage, where callers give up and try
//! again, the work of all of them piles up. Here at most
//! [`max_detached`](DetachConfig::max_detached) go on; what comes above is dropped as it would be
//! without the layer.
//!
//! # When not
//!
//! In place of idempotency: the process may still die in the middle. For answers that are streams: the
//! call is finished when the handler has answered, its body is not read any further. On services whose
//! futures cannot be sent to another task.
//!
//! # Where in the stack
//!
//! On a server, next to the handler, inside the timeout (which gives up on the call) and inside the
//! bulkhead only if work that goes on should *not* count as running; outside the bulkhead it keeps its
//! place until it is done, which is usually what you want.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::post};
//! use tower_keep::detach::DetachLayer;
//!
//! let detach = DetachLayer::new(64);
//! let handle = detach.handle();
//! let app: Router = Router::new()
//!     .route("/orders", post(|| async { "placed" }))
//!     .layer(detach);
//!
//! # async fn stop(handle: tower_keep::detach::DetachHandle) {
//! // When the server has stopped:
//! handle.idle().await;
//! # }
//! ```

mod config;
mod future;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod service;
mod shared;

pub use self::{
    config::DetachConfig,
    future::ResponseFuture,
    handle::{DetachHandle, DetachSnapshot},
    layer::DetachLayer,
    service::Detach,
};

pub(crate) const LAYER: &str = "detach";
