//! Tower layers that keep services standing.
//!
//! A *keep* is the strongest tower of a castle. Each layer here guards a service against one way of
//! falling over; they stack onto any axum router, hyper service or client, tonic server or channel,
//! and any other [`tower_service::Service`].
//!
//! | layer | keeps you standing when | feature |
//! |---|---|---|
//! | `adaptive` | what a service can take changes, and nobody knows the right limit | `adaptive` |
//! | `balance` | one of several endpoints fails, is slow or is gone, and the others would do | `balance` |
//! | `bulkhead` | one slow dependency would take every thread, connection and byte of memory | `bulkhead` |
//! | `cache` | everybody asks for what has not changed | `cache` |
//! | `catch_panic` | a bug in one handler would take a connection and every call on it along | `catch-panic` |
//! | `chaos` | a fault comes that nobody has tried out | `chaos` |
//! | `circuit_breaker` | a dependency is down and calling it only makes everything slower | `circuit-breaker` |
//! | `coalesce` | a hundred callers ask for the same thing at the same moment | `coalesce` |
//! | `correlation_id` | something went wrong and you must find every line that belongs to it | `correlation-id` |
//! | `decision` | somebody asks why this one request was refused, slow or tried three times | `decision` |
//! | `detach` | a client hangs up in the middle of a write | `detach` |
//! | `fallback` | the service has no answer and an older or a plainer one would do | `fallback` |
//! | `health` | an orchestrator must know whether to send traffic here, and when to stop | `health` |
//! | `hedge` | one call in twenty is late by bad luck and a page needs twenty of them | `hedge` |
//! | `idempotency` | a write is sent twice, because nobody knows whether it arrived | `idempotency` |
//! | `load_shed` | more comes in than can be done in time, and some of it matters more | `load-shed` |
//! | `rate_limit` | somebody sends more than was agreed, or you would | `rate-limit` |
//! | `retry` | a call fails by bad luck and would succeed if asked again | `retry` |
//! | `strangler` | a new service takes over from an old one, and may be wrong | `strangler` |
//! | `throttle` | a dependency turns calls away, and being asked is part of its trouble | `throttle` |
//! | `timeout` | an answer would come too late to be of use | `timeout` |
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
//!    the call's future. The one exception is a breaker that is asked to, for a balancer:
//!    `CircuitBreakerLayer::backpressure`.
//!
//! # Rooms
//!
//! Layers never import each other; they share [`protocol`] (HTTP, gRPC, anything), [`rejection`],
//! [`classify`] (what counts as a failure), [`observe`] (events), [`backoff`], [`budget`] (how many
//! more calls than were asked for), [`replay`] (how a request is sent again), [`context`] (what travels
//! with a request), [`config`] and [`keyed`] (a state for each host, route or tenant). The feature
//! `registry` adds a room of its own: all layers of a process, by name, from one file. The feature
//! `stack` puts the layers of a server and of a client in order, with presets and a linter; `reqwest`
//! brings reqwest's client under the layers.

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
pub mod budget;
pub mod classify;
pub mod config;
pub mod context;
pub mod keyed;
pub mod observe;
pub mod protocol;
pub mod rejection;
pub mod replay;

#[cfg(feature = "registry")]
pub mod registry;
#[cfg(feature = "stack")]
pub mod stack;

mod common;

#[cfg(feature = "adaptive")]
pub mod adaptive;
#[cfg(feature = "balance")]
pub mod balance;
#[cfg(feature = "bulkhead")]
pub mod bulkhead;
#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "catch-panic")]
pub mod catch_panic;
#[cfg(feature = "chaos")]
pub mod chaos;
#[cfg(feature = "circuit-breaker")]
pub mod circuit_breaker;
#[cfg(feature = "coalesce")]
pub mod coalesce;
#[cfg(feature = "correlation-id")]
pub mod correlation_id;
#[cfg(feature = "decision")]
pub mod decision;
#[cfg(feature = "detach")]
pub mod detach;
#[cfg(feature = "fallback")]
pub mod fallback;
#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "hedge")]
pub mod hedge;
#[cfg(feature = "idempotency")]
pub mod idempotency;
#[cfg(feature = "load-shed")]
pub mod load_shed;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
#[cfg(feature = "reqwest")]
pub mod reqwest_client;
#[cfg(feature = "retry")]
pub mod retry;
#[cfg(feature = "strangler")]
pub mod strangler;
#[cfg(feature = "throttle")]
pub mod throttle;
#[cfg(feature = "timeout")]
pub mod timeout;

/// The error that any error turns into; `tower::BoxError` is the same type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Pages to read: nothing in here is code.
#[cfg(any(doc, doctest))]
pub mod docs {
    /// What you had, what you write now, and what is different.
    #[doc = include_str!("../docs/migrate.md")]
    pub mod migrate {}
}

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
