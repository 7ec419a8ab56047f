//! Stops calling a service that is down, and finds out when it is back.
//!
//! # Why
//!
//! A call to a dead service costs its whole timeout: connections, memory and tasks here, and load
//! there just when it tries to come up. A breaker notices, answers at once with a refusal that says
//! when to come back, and lets a few calls through now and then to find out.
//!
//! # When not
//!
//! In front of a service that is never down but sometimes full: limit concurrency instead. In front
//! of many services (hosts, tenants) give each a breaker of its own: one for all punishes those that
//! work. Twice on the way of one call: each call would count twice, and a single probe would be refused
//! by its own breaker.
//!
//! # Where in the stack
//!
//! On a client around one dependency: inside retry, so that each attempt counts and a refusal is not
//! retried; outside the bulkhead and the timeout of an attempt. On a server it keeps callers away
//! from a handler that fails, such as one whose database is gone.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::circuit_breaker::CircuitBreakerLayer;
//!
//! let breaker = CircuitBreakerLayer::new().named("recommendations");
//! let handle = breaker.handle();
//! let app: Router = Router::new()
//!     .route("/recommendations", get(|| async { "buy more" }))
//!     // All connections and routes share the one breaker.
//!     .layer(breaker);
//!
//! assert_eq!(handle.snapshot().state.as_str(), "closed");
//! # let _ = app;
//! ```
//!
//! Under a balancer each endpoint has a breaker of its own, in
//! [back-pressure](CircuitBreakerLayer::backpressure): it is not ready while it is open, and the call
//! goes to another endpoint.
//!
//! # States
//!
//! **Closed**: calls go through and are counted in a window that slides. It opens on failures in a
//! row, on a rate of failures, or on a rate of slow calls, whichever comes first, and does not wait
//! for the whole window where what was well fails now and the [last calls leave no
//! doubt](CircuitBreakerConfig::early): of 100 calls a second it opens ten calls after all begin to fail,
//! and within 2 s, nearly always, after half do. See [`CircuitBreakerConfig`], which has the defaults and
//! their reasons.
//!
//! **Open**: calls are turned away, with the time that is left as `Retry-After`. The time grows with
//! each opening, is left to chance in part, and is never shorter than the service asked for.
//!
//! **Half-open**: exactly [`probes`](CircuitBreakerConfig::probes) calls go through and decide
//! together. One that hangs is charged when its lease is up, one that is given up makes place for
//! another. After that the breaker opens again or closes, and lets traffic grow over the
//! [`ramp`](CircuitBreakerConfig::ramp).
//!
//! A call counts for the state it was admitted in: what an old call says cannot move a new state.
//!
//! # What counts
//!
//! The [protocol](crate::protocol) judges, by the rules of [`classify`](crate::classify): at the head
//! of an answer if that is final, else at the end of its body or trailers. Failures and overload
//! (429, 503 with `Retry-After`) are bad, also for a probe; refusals of layers inside and calls that
//! nobody waited for say nothing. To judge differently: [`CircuitBreakerLayer::classify`].
//!
//! A call that is dropped without an outcome is a failure if a deadline of this crate or a panic in
//! the service did it. Any other drop is the caller's: it counts only if the call had run for
//! [`slow_call`](CircuitBreakerConfig::slow_call) without an answer, which is how a foreign timeout
//! outside shows.
//!
//! # Without tower
//!
//! [`Breaker`] guards any future or, in two steps, any code; a handle or layer gives the one it
//! shares.

mod backpressure;
mod breaker;
mod cause;
mod config;
mod core;
mod evidence;
mod fallback;
mod front;
mod future;
mod gate;
mod handle;
mod layer;
mod meter;
mod mode;
#[cfg(all(test, keep_loom))]
mod models;
mod permit;
mod probes;
mod saved;
mod service;
mod shape;
mod snapshot;
mod state;
mod streak;
#[cfg(test)]
mod tests;

pub use self::{
    backpressure::{Backpressure, BackpressureLayer},
    breaker::Breaker,
    config::{CircuitBreakerConfig, Window},
    fallback::WithFallback,
    future::ResponseFuture,
    handle::CircuitBreakerHandle,
    layer::CircuitBreakerLayer,
    mode::{Mode, State},
    permit::Permit,
    service::CircuitBreaker,
    snapshot::{CircuitBreakerSnapshot, ProbesSnapshot},
};

const LAYER: &str = "circuit_breaker";
