//! The ways in which axum applies a layer, each with requests going through it.
//!
//! axum calls `Layer::layer` more often than one would think: `Handler::layer` for every request,
//! `Router::layer` under `axum::serve` for every connection, any of them for every request when a
//! test says `app.clone().oneshot(..)`. A layer that makes its state there protects nothing, and
//! no test with one connection shows it. [`run`] tries every place of the layer ([`Place`]) with
//! every way of driving the app ([`Drive`]), over 1 and 20 connections and 1 and 3 routes:
//!
//! ```
//! use axum::http::StatusCode;
//! use tower_keep_test::axum_matrix::{self, Load};
//! # use tower_layer::Identity;
//! # type MyLimitLayer = Identity;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let outcomes = axum_matrix::run(
//!     Load::OneByOne(5),
//!     || MyLimitLayer::new(),
//!     async |_request| StatusCode::OK,
//! )
//! .await;
//! for outcome in outcomes {
//!     assert_eq!(outcome.hits, 5, "{}", outcome.case);
//! }
//! # }
//! ```
//!
//! The connections are real sockets on loopback, so run it in a test whose time is not paused: a
//! paused clock jumps ahead whenever all tasks wait for a socket.

mod app;
mod case;
mod client;
mod meter;
mod run;

pub use self::{
    app::{RouteService, RouterLayer},
    case::{BROKEN, Case, Drive, Outcome, Place, cases},
    meter::{Meter, Metered},
    run::{Load, run, run_case},
};
