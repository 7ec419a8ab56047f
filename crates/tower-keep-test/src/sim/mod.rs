//! What becomes of a system under overload and failure, found out in seconds and repeatable.
//!
//! A [`Sim`] drives real clients and real layers on tokio's paused time: hours pass in seconds, and the
//! same seed gives the same run, call by call. [`Customers`] come by chance at a [`Load`], whatever
//! becomes of those before, and go when their patience ends. An [`Upstream`] has so many workers, a
//! queue and [faults](Fault); several make replicas or a chain. The [`Report`] has what counts:
//! goodput, latencies, calls upstream for each call, work done for nobody, the time until the system
//! protects itself and until it is well again. [`assert_slo!`](crate::assert_slo) holds a bound against
//! it.
//!
//! Behind the feature `sim`, as it needs tokio's `test-util`.
//!
//! # Example: does it come back by itself?
//!
//! A service with a queue is paused for three seconds. Its clients ask again when an answer is late, as
//! clients do; and it works on what it has read, as services do.
//!
//! ```
//! use std::time::Duration;
//!
//! use tower::{ServiceExt, util::BoxCloneSyncService, service_fn};
//! use tower_keep_test::{
//!     assert_slo,
//!     sim::{Client, Customers, Fault, Latency, Load, Sim, Upstream},
//! };
//!
//! /// Asks again three times if there is no answer within half a second.
//! fn naive(client: Client) -> Client {
//!     BoxCloneSyncService::new(service_fn(move |request: tower_keep_test::sim::Request| {
//!         let client = client.clone();
//!         async move {
//!             for _ in 0..3 {
//!                 let call = client.clone().oneshot(request.clone());
//!                 if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_millis(500), call).await {
//!                     return Ok(answer);
//!                 }
//!             }
//!             client.oneshot(request).await
//!         }
//!     }))
//! }
//!
//! let secs = Duration::from_secs;
//! let storm = Sim::new("a pause of three seconds", 1)
//!     .fault(secs(10)..secs(13))
//!     .customers(Customers::new("all", Load::steady(80.0)));
//! // 100 calls a second, one minute: 80 % of what it can do.
//! let work = Latency::exponential(Duration::from_millis(50));
//! let service = Upstream::new("orders", 5, work).during(storm.trouble(), Fault::Pause);
//!
//! let bare = storm.run(|world| vec![service.open(world)]);
//! assert_slo!(bare, time_to_recover() < secs(30));
//! let retried = storm.run(|world| vec![naive(service.open(world))]);
//! assert_slo!(retried, time_to_recover() >= Duration::MAX); // never: it only works for those who have gone
//! assert_slo!(retried, wasted() > 0.5);
//! ```
//!
//! # What it is not
//!
//! Time on a processor does not pass: what layers cost is for a benchmark. A network has no bandwidth
//! and takes no time, unless the work of an upstream includes it.

mod customers;
mod latency;
mod load;
mod pace;
mod random;
mod report;
mod run;
mod slo;
mod tally;
mod upstream;
mod world;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::Full;
use tower::util::BoxCloneSyncService;

pub use self::{
    customers::Customers,
    latency::Latency,
    load::Load,
    random::Random,
    report::{Report, Step},
    run::Sim,
    slo::Measured,
    tally::End,
    upstream::{Fault, Upstream},
    world::World,
};

/// What customers send. It can be cloned, as most retries want.
pub type Request = http::Request<Full<Bytes>>;
/// What they get.
pub type Response = http::Response<Body>;
/// The error of a simulated service.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A client of a simulated service, whatever layers it has.
pub type Client = BoxCloneSyncService<Request, Response, BoxError>;
