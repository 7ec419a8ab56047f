//! Asks a second time where the first answer is late, and takes the better answer.
//!
//! # Why
//!
//! Most calls are fast and a few are not: a connection that lost a packet, an instance that collects
//! its garbage, a queue that happens to be long. A page made of twenty calls meets one of the few
//! almost every time. Asked a second time, another instance answers while the first still hangs; sent
//! after the time in which 95 of 100 calls are answered, that costs one call in twenty. And it is the
//! surest way to bring down a service that is late because it has too much to do. So this layer
//!
//! - asks again only **what is safe**: idempotent methods, requests with an `Idempotency-Key` or the
//!   extension [`Retryable`](crate::replay::Retryable), or [what you say](HedgeLayer::eligible_if);
//! - waits as long as [most calls of the last minute took](Observed), a fixed time, or [for a
//!   failure](Delay::OnFailure); never longer for an attempt that has failed and may be tried again;
//! - has a [`Budget`](crate::budget::Budget) of 20 % of the calls, on by default, that it can share
//!   with retries;
//! - lets **no bad answer win over a good one**: it is kept until all attempts have ended, and the
//!   best of them is returned;
//! - asks no more once the service says that it has too much to do, or when to come back;
//! - drops the other attempts as soon as it has an answer, and tells the layers inside why: a circuit
//!   breaker does not count them as failures, and only as slow if they were.
//!
//! # When not
//!
//! For writes without a key. For answers that are late because of what was asked, such as a large
//! report: the second is as slow as the first. Before a single instance that is slow because it is
//! full. For uploads: a request whose body is larger than
//! [`max_replay_bytes`](HedgeConfig::max_replay_bytes) is sent once.
//!
//! # Where in the stack
//!
//! On a client: inside the deadline and retry, outside circuit breaker and bulkhead, so that each
//! attempt counts and has a place of its own. Give it the retry layer's budget by
//! [`budget_of_outer`](HedgeLayer::budget_of_outer). Outside of whatever chooses the instance, or the
//! second attempt goes to the same.
//!
//! # What is an answer
//!
//! The head of a good response: with it the call is decided, its body streams, and the other attempts
//! are dropped. A failure that comes later, in the body or in gRPC's trailers, is the caller's. Over
//! HTTP/1 a dropped attempt costs its connection.
//!
//! A further attempt needs the service to be ready there and then; if it is not, there is none.
//!
//! # Cost
//!
//! A call that is answered at once: two atomic increments, a clone of the request and of the service,
//! and no look at the clock. One that waits sets a timer. A further attempt is an allocation. On HTTP
//! the copy of the head clones its header map and extensions, and a request body that is not empty
//! costs an allocation, and one for what is kept of it.
//!
//! # Example
//!
//! ```
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_keep::{
//!     hedge::HedgeLayer,
//!     replay::ReplayBody,
//! };
//!
//! # type Body = http_body_util::Full<bytes::Bytes>;
//! let client: Client<_, ReplayBody<Body>> = Client::builder(TokioExecutor::new()).build_http();
//! let client = ServiceBuilder::new()
//!     .layer(HedgeLayer::default().named("products"))
//!     .service(client);
//! # fn takes(_: impl tower_service::Service<http::Request<Body>>) {}
//! # takes(client);
//! ```

mod config;
mod future;
mod handle;
mod histogram;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod pace;
mod race;
mod requests;
mod service;
mod shared;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    config::{Delay, HedgeConfig, Observed},
    future::ResponseFuture,
    handle::{HedgeHandle, HedgeSnapshot},
    layer::HedgeLayer,
    requests::{ClonedIf, Rewritten},
    service::Hedge,
};

pub(crate) const LAYER: &str = "hedge";
