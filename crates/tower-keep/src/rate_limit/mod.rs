//! So many calls in a time, spread or in bursts, refused or waiting in line.
//!
//! # Why
//!
//! A caller that sends too much takes from all others; a service that is sent too much pays for it, or
//! answers 429 and worse. A rate limit says how much is enough: on a server what callers may ask for, on
//! a client what a service has agreed to.
//!
//! It is a bucket of permits that grow back one by one (GCRA). In any time `t`, at most the burst and what
//! the rate gives in `t` is let through; there is no window at whose edge twice as much could pass, and
//! the state is one word. A quota that is counted in fixed windows elsewhere has [`Rate::reservoir`].
//!
//! A call that finds no permit is refused with the exact time after which there is one (429 with
//! `Retry-After`, `RESOURCE_EXHAUSTED`), or waits if its [configuration](RateLimitConfig::max_wait) lets
//! it. It books its permits when it arrives, so calls start in the order in which they came; it knows how
//! long it will wait, so one that would wait too long, or past its deadline, is refused at once. One that
//! is dropped while it waits gives its booking back and those behind it move up.
//!
//! # What is counted
//!
//! Each call takes a permit when it starts, whatever becomes of it. Three things change that:
//!
//! - a [cost](RateLimitLayer::cost) by request: ten for a search, none for a probe;
//! - a [meter](RateLimitLayer::metered): the cost is estimated, and corrected when the answer tells it.
//!   Of an estimate that was too high, what has not grown back yet is given back: more would let a bucket
//!   hold more than it can. What was too low is owed;
//! - [`refund_refused`](RateLimitConfig::refund_refused): a call that a layer inside turned away
//!   unexecuted takes nothing. It is off by default, or a flood would not count while a bulkhead inside
//!   is full.
//!
//! Several [`Limit`]s hold together: requests and tokens, by the minute and by the day.
//!
//! # Many processes
//!
//! Each layer counts its own calls. Behind a balancer that spreads evenly, give each of `n` replicas
//! [`share`](RateLimitConfig::share) `1/n`: the sum holds with no store to ask on every call. Where calls
//! are not spread evenly, limit at the balancer.
//!
//! # When not
//!
//! To protect a service from more than it can do at once: that is a bulkhead, since a slow call does more
//! harm than a quick one and this layer cannot tell them apart. For each caller a limit of its own, this
//! one is what is kept by key.
//!
//! # Where in the stack
//!
//! On a server outside the bulkhead, so that what is too much does not even wait for a place; inside the
//! timeout, so that waiting counts. On a client inside retry and breaker, so that each attempt is
//! counted, and outside the timeout of one attempt.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::rate_limit::{Rate, RateLimitLayer};
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(|| async { "[]" }))
//!     // 100 a second, at most 20 of them at once; call 21 gets a 429 that says when to come back.
//!     .layer(RateLimitLayer::new(Rate::per_second(100).burst(20)).named("orders"));
//! ```

mod admit;
mod attention;
mod bucket;
mod config;
mod cost;
mod future;
mod handle;
mod headers;
mod layer;
mod learn;
mod line;
mod meter;
#[cfg(all(test, keep_loom))]
mod models;
mod rate;
mod saved;
mod service;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod wait;

pub use self::{
    config::{Counts, Limit, MAX_LIMITS, RateLimitConfig},
    cost::{ByRequest, Metered, One, Price},
    future::ResponseFuture,
    handle::{LimitSnapshot, RateLimitHandle, RateLimitSnapshot},
    layer::RateLimitLayer,
    learn::Learn,
    meter::Meter,
    rate::{Rate, Refill},
    service::RateLimit,
    wait::Acquire,
};

pub(crate) const LAYER: &str = "rate_limit";
