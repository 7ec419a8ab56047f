//! Faults on purpose, to see in good time what they do.
//!
//! # Why
//!
//! Timeouts, retries and breakers are code that runs only when something is wrong. Whoever has never
//! seen them run does not know that they work. This layer makes calls slow, fail, break off or drip, at
//! a rate, for chosen calls, and nothing else: it is made so that it cannot do more harm than meant.
//!
//! - A [rate](ChaosConfig::rate) of the calls, narrowed by a rule over the request
//!   ([`only`](ChaosLayer::only)): a tenant, a path, a percentage.
//! - Or single calls that ask for it in a header, with a [token](Token) that only you can sign.
//! - Never more than [`max_active`](ChaosConfig::max_active) at once; never while
//!   [`unless`](ChaosLayer::unless) says so: a breaker that is open, an error budget that burns.
//! - Switched on, changed and off at run time by the [handle](ChaosHandle).
//! - With a [seed](ChaosConfig::seed), the same calls are hit each time.
//!
//! # When not
//!
//! With no way to see what it does: watch the events (`fault_injected`) before you raise the rate. For
//! faults of the network below HTTP.
//!
//! # Where in the stack
//!
//! Innermost, in place of the fault it plays: on a client next to the connection, so that timeout,
//! retry and breaker see the fault; on a server next to the handler.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use tower_keep::chaos::{ChaosConfig, ChaosLayer, Fault};
//!
//! # fn main() -> Result<(), tower_keep::config::ConfigError> {
//! let chaos = ChaosLayer::from_config(ChaosConfig {
//!     rate: 0.01,
//!     faults: vec![
//!         Fault::latency(Duration::from_secs(1)..=Duration::from_secs(3)),
//!         Fault::Status(503),
//!     ],
//!     ..ChaosConfig::default()
//! })?
//! .only(|head| head.headers.get("x-tenant").is_some_and(|tenant| tenant == "internal"));
//! let app: Router = Router::new().route("/", get(|| async { "hi" })).layer(chaos.clone());
//!
//! chaos.handle().stop(); // at once, for every route and connection
//! # Ok(())
//! # }
//! ```

mod body;
mod config;
mod dice;
mod fault;
mod future;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod service;
mod shared;
#[cfg(test)]
mod tests;
mod token;

pub use self::{
    body::ChaosGuard,
    config::ChaosConfig,
    fault::{Fault, InvalidFault},
    future::ResponseFuture,
    handle::{ChaosHandle, ChaosSnapshot},
    layer::ChaosLayer,
    service::Chaos,
    token::{Secret, Token},
};

pub(crate) const LAYER: &str = "chaos";
