//! Asks again when a call failed by bad luck, and never more often than the service can bear.
//!
//! # Why
//!
//! A connection breaks, an instance restarts, a lock is taken: asked again, the service answers. But a
//! retry is more load at the moment the service can bear it least, and a thing done twice is not always
//! a thing done once. So this layer
//!
//! - retries only **what is safe**: idempotent methods, requests with an `Idempotency-Key` or the
//!   extension [`Retryable`], and any request that was certainly not processed (a connection that could
//!   not be made, a stream that was refused); what counts is in [`classify`](crate::classify);
//! - has a [`Budget`] of 20 % of the calls, on by default, shared by every clone and by every layer that
//!   is given it;
//! - waits longer each time, with full jitter, never less than `Retry-After` and its kin ask for, and
//!   never past the [deadline](crate::context::deadline);
//! - never retries a [refusal](crate::rejection) of a layer inside, and pays nothing for it;
//! - drops the failed answer, and the connection and permits with it, *before* it waits;
//! - gives the caller the last real answer, as it is, when it stops.
//!
//! # When not
//!
//! In more than one place of a call chain: three layers of three attempts are 27 calls. Retry where
//! the call is made, not in the handlers around it as well.
//!
//! # Where in the stack
//!
//! On a client: inside the deadline, outside the circuit breaker, the bulkhead and the timeout of one
//! attempt. So each attempt is counted, gets a place of its own, and no place is held during a wait.
//! A retry whose wait would end past the deadline is not made; one that has begun, or whose service
//! does not become ready, is ended by the timeout layer outside.
//!
//! # Bodies
//!
//! The body of a request streams through as it comes, and what has gone through is kept for the next
//! attempt: up to 64 KiB for each request and 64 MiB for the whole process
//! ([`set_replay_memory_limit`]). Beyond that it goes on streaming, is forgotten, and the call is not
//! retried. See [`ReplayBody`], and [`RetryLayer`] for how services with a body type of their own take
//! it.
//!
//! # Cost
//!
//! On a plain service: one atomic increment, a clone of the request and of the service. On HTTP the
//! copy of the head clones its header map and extensions, and a request body that is not empty costs
//! an allocation, and one for what is kept of it. A call that is made again allocates once more, whatever
//! the service is.
//!
//! # Example
//!
//! ```
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_keep::retry::{ReplayBody, RetryLayer};
//!
//! # type Body = http_body_util::Full<bytes::Bytes>;
//! // The client takes what the layer makes of a `Body`.
//! let client: Client<_, ReplayBody<Body>> = Client::builder(TokioExecutor::new()).build_http();
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::default().named("payments"))
//!     .service(client);
//! # fn takes(_: impl tower_service::Service<http::Request<Body>>) {}
//! # takes(client);
//! ```

mod config;
mod future;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
#[cfg(test)]
mod reference;
mod request;
mod saved;
mod service;
mod shared;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    config::{RetriedUpstream, RetryConfig},
    future::ResponseFuture,
    handle::{RetryHandle, RetrySnapshot},
    layer::RetryLayer,
    request::MaxAttempts,
    service::Retry,
    state::Failed,
};
#[doc(no_inline)]
pub use crate::{
    budget::{Budget, BudgetConfig},
    replay::{
        Attempt, BodyKind, Cloned, MapBody, Replay, ReplayBody, ReplayError, ReplayMemory,
        Replayed, Retryable, SameBody, SavedRequest, Skip, Streamed, replay_memory,
        set_replay_memory_limit,
    },
};

pub(crate) const LAYER: &str = "retry";
