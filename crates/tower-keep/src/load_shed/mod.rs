//! Does what it can in time and turns the rest away at once, the least important first.
//!
//! # Why
//!
//! A service that gets more than it can do, and takes it all in, soon does nothing of use: every call
//! waits until its caller has given up, and is worked on all the same. What helps is to turn away early
//! what cannot be done in time. This layer has a number of places, as a bulkhead has, and a queue for
//! them that it watches by the *time calls wait*, which means the same for every service; a length does
//! not.
//!
//! - While the queue empties now and then, it is a burst: calls wait in turn, for up to
//!   [`interval`](LoadShedConfig::interval).
//! - Once it has not been empty for an interval, it is overload. From then on calls wait no longer than
//!   [`target`](LoadShedConfig::target), and the last one in is the first one out: whoever waits longest
//!   is least likely to be waited for (*controlled delay* and *adaptive LIFO*).
//! - How much came too late in one interval tells how much to shed in the next one *on arrival*, so that
//!   what matters finds a place and not a crowd. With nothing late it is a tenth less each interval; with
//!   half of the places free, nothing is shed for this reason.
//!
//! Who is shed, where somebody must be:
//!
//! 1. **Priority.** What matters more starts first, and takes the place in the queue of what matters
//!    less. What is shed on arrival is the lower part of the *recent calls*: of 60 % that have to go, none
//!    is among the upper 40 %. Calls of a priority above all those that are shed wait for an interval, as
//!    in a burst. From half a queue on a share is shed as well, by its length. The [`Priority`] is what
//!    [`prioritize`](LoadShedLayer::prioritize) says, else a `Priority` in the request's extensions, else
//!    the header `Priority: u=0..7` (RFC 9218) or that of failsafe-go, else that of the task. The calls
//!    that are made for the request [inherit](crate::context::priority()) it; the propagate layer of
//!    `correlation_id` sends it on.
//! 2. **Fairness.** Of those that matter as much, a share is turned away from the heaviest users first:
//!    [`tenant`](LoadShedLayer::tenant) says whose a request is, and use is the time that places were
//!    held. The table of tenants has a fixed size.
//! 3. **Deadlines.** A call leaves at once if, at the pace of the queue, it would not start before its
//!    [deadline](crate::context::deadline()).
//! 4. **Pressure.** Inputs of your own, or [`HostPressure`], raise the share that is shed even while
//!    places are free. Never all of it; and where nothing runs, nothing is shed.
//!
//! [`exempt`](LoadShedLayer::exempt) requests are never shed. A refusal is a 503 with `Retry-After`, given
//! before the request's body is touched.
//!
//! # When not
//!
//! To protect a dependency: that is a bulkhead's on the client. Where the number of places is not known:
//! a limit that adapts finds it. For probes: keep them outside, or exempt them.
//!
//! # Where in the stack
//!
//! On a server outside the handler and everything that costs something, inside the timeout, so that the
//! deadline is known, and inside the correlation id, so that refusals carry it and the same requests are
//! shed in all services. In place of a bulkhead, not beside one.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::{
//!     context::Priority,
//!     load_shed::{LoadShedLayer, Tenant},
//! };
//!
//! let shed = LoadShedLayer::new(100)
//!     .named("shop")
//!     .prioritize(|head| head.uri.path().starts_with("/checkout").then_some(Priority::CRITICAL))
//!     .tenant(|head| head.headers.get("x-api-key").map(Tenant::of))
//!     .exempt(|head| head.uri.path() == "/admin");
//! let app: Router = Router::new().route("/products", get(|| async { "[]" })).layer(shed);
//! ```
//!
//! # Cost
//!
//! A call that finds a place takes one compare-and-swap, and on HTTP a look for the header. Where
//! tenants are told apart or an input is asked, it reads the clock and the configuration as well. A call
//! that waits allocates its place in the queue, and one that arrives while others wait takes a lock.

mod arrival;
mod config;
mod counts;
mod future;
mod handle;
mod host;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod overload;
mod pace;
mod permit;
mod pressure;
mod reason;
mod rules;
mod seen;
mod service;
mod shared;
mod state;
mod tenants;
#[cfg(test)]
mod tests;
mod wait;

pub use self::{
    config::LoadShedConfig,
    future::ResponseFuture,
    handle::{LoadShedHandle, LoadShedSnapshot},
    host::HostPressure,
    layer::LoadShedLayer,
    permit::Permit,
    pressure::Pressure,
    reason::Reason,
    service::LoadShed,
    tenants::Tenant,
};
#[cfg(doc)]
use crate::context::Priority;

pub(crate) const LAYER: &str = "load_shed";
