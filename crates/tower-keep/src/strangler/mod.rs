//! Moves traffic from an old service to a new one, step by step, and compares the two on the way.
//!
//! # Why
//!
//! A rewrite that is switched on for everybody at once is switched off for everybody at the first
//! difference. A strangler (after the fig that grows around a tree until it stands by itself) gives the
//! new service a percentage, which you raise while you watch, and takes it back in a second.
//!
//! - By [percentage](StranglerConfig::percent), at random, or [sticky](StranglerLayer::sticky) by a key:
//!   a customer stays on one side, and raising the percentage moves nobody back.
//! - By [header](StranglerLayer::by_header), for testers; by [path](StranglerLayer::paths), for what is
//!   finished; by any [rule](StranglerLayer::route).
//! - [In the shadow](StranglerLayer::shadow_reads): a share of the reads also goes to the side that does
//!   not answer, in the background and bounded, and the answers are compared.
//!
//! All of it changes at run time through the [handle](StranglerHandle).
//!
//! # When not
//!
//! To balance over equal services. To shadow writes: what happens twice has happened twice.
//!
//! # Where in the stack
//!
//! In the place of the service; the inner service is the old one. Give each side a breaker, a bulkhead
//! and a timeout of its own, inside.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::strangler::{StranglerConfig, StranglerLayer};
//!
//! # fn main() -> Result<(), tower_keep::config::ConfigError> {
//! let new: Router = Router::new().route("/orders", get(|| async { "the new list" }));
//! let strangler = StranglerLayer::from_config(new, StranglerConfig::percent(5.0))?
//!     .sticky(|head| head.headers.get("x-customer").and_then(|id| id.to_str().ok()))
//!     .by_header("x-service");
//! let handle = strangler.handle();
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(|| async { "the old list" }))
//!     .layer(strangler);
//!
//! handle.update(StranglerConfig::percent(20.0))?; // later
//! # Ok(())
//! # }
//! ```

mod compare;
mod config;
mod future;
mod guard;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod route;
mod service;
mod shadow;
mod shared;
#[cfg(test)]
mod tests;

pub use self::{
    compare::Compared,
    config::StranglerConfig,
    future::ResponseFuture,
    guard::ShadowGuard,
    handle::{StranglerHandle, StranglerSnapshot},
    layer::StranglerLayer,
    route::Side,
    service::Strangler,
    shadow::{Answers, NoShadow, Shadow, ShadowReads, Shadowed, Shadowing},
};

pub(crate) const LAYER: &str = "strangler";
