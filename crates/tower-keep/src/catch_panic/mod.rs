//! A panic becomes an answer, so that one broken call does not take its connection along.
//!
//! # Why
//!
//! A panic in a handler unwinds through the server's connection: an HTTP/2 connection takes every
//! other call on it down, and the caller sees a reset in place of a 500. Caught here, the call alone
//! fails: with 500 (gRPC `INTERNAL`) and problem+json, which say nothing of the panic's message, while
//! the message goes to the [events](crate::observe) as a warning.
//!
//! A panic in the middle of a response body cannot be answered any more; the body ends with an error.
//!
//! # When not
//!
//! As error handling: a panic is a bug, and what it left half done stays half done. With
//! `panic = "abort"` there is nothing to catch. Where a program should rather die than go on.
//!
//! # Where in the stack
//!
//! Outside the handler and inside everything that should see the failure: a circuit breaker counts
//! the 500, the correlation id is on it.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::catch_panic::CatchPanicLayer;
//!
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "fine" }))
//!     .layer(CatchPanicLayer::new());
//! ```

mod config;
mod future;
mod guard;
mod handle;
mod layer;
mod service;
mod shared;

pub use self::{
    config::CatchPanicConfig,
    future::ResponseFuture,
    guard::PanicGuard,
    handle::{CatchPanicHandle, CatchPanicSnapshot},
    layer::CatchPanicLayer,
    service::CatchPanic,
};

pub(crate) const LAYER: &str = "catch_panic";
