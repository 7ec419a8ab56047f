//! A write that is sent twice happens once and is answered twice.
//!
//! # Why
//!
//! A client whose connection breaks cannot know whether its order was placed. If it sends it again there
//! may be two; if it does not there may be none. With a key of its own choice in the header
//! `Idempotency-Key` ([draft]) it can ask again as often as it likes: the first request with the key is
//! executed, every further one gets the same answer. That makes writes safe to retry, for clients, for
//! retry layers and for people who press a button twice.
//!
//! | a request with a key | gets |
//! |---|---|
//! | that is new | executed, and its answer kept |
//! | whose request is still running | its answer, if it comes within [`max_wait`](IdempotencyConfig::max_wait); 409 and `Retry-After` otherwise |
//! | that was answered | the same answer, with `idempotent-replayed: true` |
//! | that was used for another request | 422 |
//! | that is missing where it is [required](IdempotencyConfig::required), or not well formed | 400 |
//!
//! An answer that says "not now" (408, 425, 429, 5xx, a refusal of ours that was never executed) is not
//! kept: the key is free again. An answer too large to keep, or that broke off, is given once, and 409
//! from then on, since executing again is what the key is there to prevent.
//!
//! Whoever else may use the same key must not be given the answer: the key counts for one method and
//! path and one `Authorization` header, or what [`scope`](IdempotencyLayer::scope) says. Give it a
//! scope where callers are told apart by a cookie, or tenants by their host. Requests are told apart by
//! their bodies only if the service read the first one to its end.
//!
//! The client's half is [`IdempotencyKeyLayer`]: it gives writes a key, so that a retry inside it may
//! send them again.
//!
//! # When not
//!
//! As the only guard of money: the [`MemoryStore`] is of one process and gone with it. An effect and its
//! key belong in one transaction, as the shop's services show; a [`Store`] on a database narrows the gap
//! to a crash between the effect and its answer, and does not close it.
//!
//! # Where in the stack
//!
//! On a server inside authentication and everything that refuses, next to the handler, with
//! `detach` outside, or a client that hangs up drops the first execution halfway. On a client
//! outside retry and hedge, so that all attempts have the same key.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::post};
//! use tower_keep::idempotency::IdempotencyLayer;
//!
//! let app: Router = Router::new()
//!     .route("/orders", post(|order: String| async move { format!("placed: {order}") }))
//!     .layer(IdempotencyLayer::default().named("orders"));
//! ```
//!
//! [draft]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

mod attach;
mod config;
mod fingerprint;
mod future;
mod handle;
mod id;
mod layer;
mod memory;
#[cfg(all(test, keep_loom))]
mod models;
mod reading;
#[cfg(test)]
mod reference;
mod service;
mod shared;
mod store;
#[cfg(test)]
mod tests;

pub use self::{
    attach::{IdempotencyKeyLayer, WithIdempotencyKey},
    config::IdempotencyConfig,
    fingerprint::{Fingerprint, FingerprintedBody},
    future::ResponseFuture,
    handle::{IdempotencyHandle, IdempotencySnapshot},
    id::Id,
    layer::IdempotencyLayer,
    memory::{MemoryBegin, MemoryStore, MemoryTicket},
    service::Idempotency,
    store::{Begun, Store, StoredAnswer},
};

pub(crate) const LAYER: &str = "idempotency";
