//! Many callers want the same thing at the same moment: it is asked for once.
//!
//! # Why
//!
//! A popular page falls out of a cache, a configuration is reloaded by every instance at the full
//! minute: a hundred calls ask a service the same question at once, and each costs as much as the
//! first. With this layer the first one *leads*: it calls the service, and the others wait for its
//! answer. They are parked, not polled: each is woken once.
//!
//! The leader gets its answer as it comes, frame by frame; the others get it when it is complete. What
//! happens when that does not work out:
//!
//! | the leader | the others |
//! |---|---|
//! | is dropped: its caller hung up or ran out of time | the one who waits longest leads, with the request that it kept |
//! | gets an answer that is not for everybody: `Set-Cookie`, `private`, `no-store`, a `Vary` on what the key does not have | call the service themselves, all at once |
//! | gets an answer larger than [`max_body`](CoalesceConfig::max_body) | the same, as soon as it is too large |
//! | gets an error, or its answer breaks off | the next one leads; after [`max_failures`](CoalesceConfig::max_failures) of them, all call the service themselves |
//! | takes longer than [`max_wait`](CoalesceConfig::max_wait), or its caller reads slowly | one more leads beside it; the first complete answer counts |
//!
//! So nobody waits for a row of failures, and nobody gets a made-up error: an answer that the service
//! gave, a 500 too, is shared; an error that it did not give cannot be copied and is not.
//!
//! # When not
//!
//! For calls that change something. By default only `GET` and `HEAD` without a body are shared, and
//! only if they carry no `Authorization`, `Proxy-Authorization` or `Cookie`, are not conditional, ask
//! for no range and do not demand a fresh answer. For answers that differ by anything else in the
//! request, such as the caller's address, give a [key](CoalesceLayer::key). gRPC calls are all `POST`
//! with a body, so none of them is shared.
//!
//! # Where in the stack
//!
//! Directly inside the `cache`, which then asks once when an entry has gone; outside the bulkhead, since
//! who waits needs no place; inside the timeout, so that callers keep their own deadlines. In an axum
//! router outside nests, or with the feature `axum`, which sees the whole path inside of them too.
//!
//! # Cost
//!
//! A call that is not shared costs a look at its head. One that may be takes two short locks, one of
//! sixteen for its key and one of its flight, and allocates its key, the flight and what is kept of the
//! answer: it is not on the way of calls that other layers let through.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::coalesce::CoalesceLayer;
//!
//! let coalesce = CoalesceLayer::new().named("prices");
//! let handle = coalesce.handle();
//! let app: Router = Router::new()
//!     .route("/prices", get(|| async { "a long calculation" }))
//!     .layer(coalesce);
//! assert_eq!(handle.snapshot().shared, 0);
//! ```

mod board;
mod config;
mod future;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod recording;
mod rules;
mod service;
mod share;
mod shared;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    board::Lead,
    config::CoalesceConfig,
    future::ResponseFuture,
    handle::{CoalesceHandle, CoalesceSnapshot},
    layer::CoalesceLayer,
    recording::{Kept, Recording},
    service::Coalesce,
    share::{KeyRule, PlainBy, Share},
};

pub(crate) const LAYER: &str = "coalesce";
