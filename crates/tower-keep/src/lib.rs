//! Tower layers that keep services standing.
//!
//! A *keep* is the strongest tower of a castle. Each layer here guards a service against one way of
//! falling over; they stack onto any axum router, hyper service or client, tonic server or channel,
//! and any other [`tower_service::Service`].
//!
//! | layer | keeps you standing when | feature |
//! |---|---|---|
//! | `bulkhead` | one slow dependency would take every thread, connection and byte of memory | `bulkhead` |
//! | `circuit_breaker` | a dependency is down and calling it only makes everything slower | `circuit-breaker` |
//! | `retry` | a call fails by bad luck and would succeed if asked again | `retry` |
//! | `timeout` | an answer would come too late to be of use | `timeout` |
//! | `correlation_id` | something went wrong and you must find every line that belongs to it | `correlation-id` |
//! | `health` | an orchestrator must know whether to send traffic here, and when to stop | `health` |
//!
//! # Five promises
//!
//! 1. **State lives in the layer.** A clone of a layer, and every service it makes, share one limit,
//!    one breaker, one budget, however often axum applies the layer again.
//! 2. **The error type never changes.** A call that is turned away is a [`rejection::Rejection`], and
//!    the [`protocol`] decides what that looks like: on HTTP a response, on gRPC a status, on any
//!    other service an `Err(E)` where `E: CarriesRejection`.
//! 3. **The outcome is judged where it ends**: at the end of the response body or the trailers.
//! 4. **Nothing on the admitted path allocates, boxes or locks.** What HTTP's own header and
//!    extension maps cost is said in the layer's docs.
//! 5. **`poll_ready` reserves nothing and never fails on its own.** Waiting and refusing happen in
//!    the call's future.
//!
//! # Rooms
//!
//! Layers never import each other; they share [`protocol`] (HTTP, gRPC, anything), [`rejection`],
//! [`classify`] (what counts as a failure), [`observe`] (events), [`backoff`], [`context`] (what
//! travels with a request) and [`config`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "the rooms are shared; a layer alone uses a part"
    )
)]

pub mod backoff;
pub mod classify;
pub mod config;
pub mod context;
pub mod observe;
pub mod protocol;
pub mod rejection;

mod common;

#[cfg(feature = "bulkhead")]
pub mod bulkhead;
#[cfg(feature = "circuit-breaker")]
pub mod circuit_breaker;
#[cfg(feature = "correlation-id")]
pub mod correlation_id;
#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "retry")]
pub mod retry;
#[cfg(feature = "timeout")]
pub mod timeout;

/// The error that any error turns into; `tower::BoxError` is the same type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
