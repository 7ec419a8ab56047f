//! Tells an orchestrator whether to send traffic here, and sees the traffic off when it is time to go.
//!
//! # Why
//!
//! An orchestrator asks three different questions, and one endpoint for all of them brings down whole
//! fleets: a database that is slow for a minute must not have every process restarted. So they are
//! kept apart:
//!
//! | path | question | 200 | 503 |
//! |---|---|---|---|
//! | `/livez` | must it be restarted? | as long as the process answers | never |
//! | `/startupz` | has it started? | once [`Lifecycle::ready`] was called | before |
//! | `/readyz` | may it have traffic? | [`Ready`](Phase::Ready), every critical check passes, no maintenance | otherwise; the body says why |
//! | `/health` | how is it? (for people) | `pass` and `warn` | `fail`: exactly when `/readyz` says 503 |
//!
//! `/health` is [`application/health+json`]: each check, how long it took, what it said, the vitals of
//! every layer that is [watched](HealthLayer::watch), version and uptime.
//!
//! # Checks
//!
//! A [`Check`] runs in the background, once each interval, whatever the number of probes; an endpoint
//! only reads the last result. A check that hangs or panics has failed and harms nothing else.
//! Several results in a row have to agree before a check changes its mind, so one bad reading does
//! not take a replica, or all of them at once, out of service.
//!
//! - **critical**: without it this process can do nothing for anybody, such as its own database. It
//!   gates readiness. Before its first result it counts as failing.
//! - **informational**: everything else, above all other services. It is shown, and a failure of it
//!   is a `warn`. A service that turns unready because a service it calls is down spreads the outage
//!   to its own callers; a [circuit breaker](crate) is the tool for that.
//!
//! # Lifecycle
//!
//! [`Lifecycle`] takes a process from [`Starting`](Phase::Starting) to [`Forced`](Phase::Forced). On
//! a signal it first goes on accepting for a drain delay with readiness at 503, so that load
//! balancers look away before the port closes; then it stops accepting and lets what runs finish, to
//! the last byte of each body; and at a deadline it cuts off the rest. With the feature `axum`,
//! `HealthLayer::serve` does all of it.
//!
//! # Where in the stack
//!
//! Outermost, so that probes are never limited, shed, timed or counted as errors. Unlike every other
//! layer of this crate it is ready when the service inside is not: a saturated service is alive.
//!
//! # When not
//!
//! On a client, or on the inner routers of a nested one: one for each process is enough. On an
//! outside port, set [`details`](HealthConfig::details) to
//! [`StatusOnly`](Details::StatusOnly), or serve a clone of the layer on
//! a port of its own.
//!
//! # Example
//!
//! ```
//! use tower_keep::health::HealthLayer;
//!
//! # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
//! # #[cfg(feature = "axum")]
//! async fn run(listener: tokio::net::TcpListener, app: axum::Router) -> std::io::Result<()> {
//!     let report = HealthLayer::new("orders", env!("CARGO_PKG_VERSION"))
//!         .critical("database", || async { ping().await })
//!         .serve(listener, app)
//!         .await?;
//!     println!("{report}"); // stopped after 5.2s: 3 of the last calls finished, 0 were cut off
//!     Ok(())
//! }
//! ```
//!
//! [`application/health+json`]: https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06

mod answer;
mod cell;
mod check;
mod config;
mod future;
mod handle;
mod layer;
mod lifecycle;
#[cfg(all(test, keep_loom))]
mod models;
mod page;
mod registry;
mod report;
mod runner;
#[cfg(feature = "axum")]
mod serve;
mod service;
#[cfg(feature = "axum")]
mod signal;
mod state;
mod streak;
#[cfg(test)]
mod tests;
mod tracker;

pub use self::{
    answer::Probe,
    cell::CheckSnapshot,
    check::{Check, Datastore, Importance, datastore},
    config::{CheckConfig, Details, HealthConfig, LifecycleConfig, Paths},
    future::ResponseFuture,
    handle::{HealthHandle, HealthSnapshot},
    layer::HealthLayer,
    lifecycle::Lifecycle,
    report::DrainReport,
    service::Health,
    state::Phase,
    streak::Standing,
    tracker::InFlight,
};

pub(crate) const LAYER: &str = "health";
