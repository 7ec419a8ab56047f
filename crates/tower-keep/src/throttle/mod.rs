//! Holds calls back while the service turns them away, so that being asked is not its next trouble.
//!
//! # Why
//!
//! A service that has too much to do says no, and saying no is work too: reading the request, making
//! the answer. If its clients go on asking, a service that could do something does nothing but say no.
//! So the client watches how many of its calls are accepted, and holds back by itself what would most
//! likely be turned away: with the probability
//!
//! ```text
//! max(0, (requests - k * accepts) / (requests + 1))
//! ```
//!
//! of *client-side throttling* in the chapter "Handling Overload" of Google's *Site Reliability
//! Engineering*. `requests` counts the calls that were held back as well, so the calls that go out
//! settle at `k` times those that are accepted: enough to notice every recovery, at once and without a
//! state that has to be left. Calls that are held back cost no connection and no wait.
//!
//! What counts, by [`Class`](crate::classify::Class), at the end of the answer:
//!
//! | class | request | accepted |
//! |---|---|---|
//! | success | yes | yes: also a 404, the service did its part |
//! | overload: 429, 529, 503 with `Retry-After`, `RESOURCE_EXHAUSTED` | yes | no |
//! | failure: other 5xx, transport errors, deadlines | yes | no, unless [`count_failures`](ThrottleConfig::count_failures) is off |
//! | ignored: refused by a layer of ours further in, given up by the caller | no | |
//! | held back here | yes | no |
//!
//! A call counts when it is known how it went. One that is still running is neither.
//!
//! # When not
//!
//! For a service that is down altogether: a circuit breaker asks it less, and notices that it is back by
//! probes. They go together: this one works where a share of the calls fails. On a server: `load_shed`
//! says no, this one listens to it.
//!
//! # Where in the stack
//!
//! On a client inside retry, so that each attempt counts, and outside the bulkhead, so that a call that
//! is held back takes no place. One for each service that is called.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_keep::{rejection::Rejection, throttle::ThrottleLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let busy = service_fn(async |_: Request<String>| {
//!     let mut answer = Response::new(String::new());
//!     *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
//!     Ok::<_, BoxError>(answer)
//! });
//! let client = ServiceBuilder::new().layer(ThrottleLayer::new().named("payments")).service(busy);
//! let mut asked = 0;
//! for _ in 0..200 {
//!     let answer = client.clone().oneshot(Request::new(String::new())).await?;
//!     asked += i32::from(Rejection::of(&answer).is_none());
//! }
//! assert!(asked < 100, "20 to see it, and about a tenth of the rest");
//! # Ok(())
//! # }
//! ```

mod config;
mod core;
mod future;
mod handle;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod permit;
mod service;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    config::ThrottleConfig,
    future::ResponseFuture,
    handle::{ThrottleHandle, ThrottleSnapshot},
    layer::ThrottleLayer,
    permit::Permit,
    service::Throttle,
};

pub(crate) const LAYER: &str = "throttle";
