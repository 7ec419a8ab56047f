//! Sends each call to one of several endpoints: to one that works, and is not the busiest.
//!
//! # Why
//!
//! Of ten replicas one fails fast. By turns it gets every tenth call; by load alone it gets most,
//! since nobody is done sooner than who fails. Here a failure makes an endpoint look slow, five in a
//! row or a success rate far below that of the others take it out, and it comes back a little at a
//! time. The endpoints come from a list, a file, a name server or a stream of your own, and come and
//! go while calls run.
//!
//! # When not
//!
//! Where something in between balances already, call by call: a service mesh, a proxy. One that
//! balances connections does not: all calls of an HTTP/2 connection go to one replica. For endpoints
//! that hold different data: that is routing.
//!
//! # Where in the stack
//!
//! On a client inside retry, so that each attempt goes to another endpoint, and inside the timeout of
//! the whole call. What belongs to one endpoint stands inside, made by the closure: its
//! client, a breaker that is not ready while it is open (`CircuitBreakerLayer::backpressure`), the
//! timeout of an attempt, whose failures count.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceExt;
//! use tower_keep::balance::{Balance, discovery::Dns};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! let balance = Balance::new().named("payments");
//! let handle = balance.handle();
//! let payments = balance.discover(Dns::new("localhost:8080"), move |_, address| {
//!     let hyper = hyper.clone();
//!     hyper.map_request(move |mut request: http::Request<Full<Bytes>>| {
//!         let uri = format!("http://{address}{}", request.uri().path());
//!         *request.uri_mut() = uri.parse().expect("made of an address and a path");
//!         request
//!     })
//! });
//! # let _ = payments.clone();
//! println!("{:?}", handle.snapshot());
//! # }
//! ```
//!
//! # How an endpoint is chosen
//!
//! Two by chance, and of them the one with the lower load: the latency that its answers are expected
//! to take, times the calls it works on. The latency jumps up with a slow answer and comes down with
//! time ([`decay`](BalanceConfig::decay)). After a failure the endpoint is expected to take
//! [`failure_penalty`](BalanceConfig::failure_penalty) or what its `Retry-After` asks, less what has
//! passed of it. An endpoint that is not known is taken for as good as the other.
//!
//! The services are asked for readiness when a call needs them. One that is not ready is passed over;
//! if none is, the call waits for the first, for at most [`max_wait`](BalanceConfig::max_wait), and is
//! turned away with [`NoEndpoint`](crate::rejection::Kind::NoEndpoint) then.
//!
//! The list is read without a lock, what is known of an endpoint is in a few words of its own, and an
//! admitted call allocates nothing. It is not built on `tower::balance`: that is not `Clone`, so all
//! calls have to pass through a buffer; it turns every error into a `BoxError`; and it chooses before
//! it has seen the call, so a retry cannot avoid an endpoint. [`tower::discover`] is the common
//! ground: its streams are taken, and ours fit there.
//!
//! # Who is ejected
//!
//! See [`OutlierConfig`]. Failures are what the [protocol](crate::protocol) says, judged at the end of
//! an answer; an endpoint that is overloaded is avoided, not ejected.

mod builder;
mod choosing;
mod config;
mod core;
pub mod discovery;
mod driver;
mod endpoint;
mod flight;
mod future;
mod handle;
mod load;
#[cfg(all(test, keep_loom))]
mod models;
mod outlier;
mod pick;
mod pool;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    builder::Balance,
    config::{BalanceConfig, Measure},
    flight::Flight,
    future::ResponseFuture,
    handle::{BalanceHandle, BalanceSnapshot, EndpointSnapshot},
    outlier::OutlierConfig,
    service::Balanced,
};
pub use tower::discover::Change;

pub(crate) const LAYER: &str = "balance";
