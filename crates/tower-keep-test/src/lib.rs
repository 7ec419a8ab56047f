//! Probes, scripted services and the contract that every tower layer must pass.
//!
//! The layers of tower-keep are tested with this kit, and so can yours be: it knows nothing of
//! tower-keep.
//!
//! - [`contract`]: the checks; [`contract::http()`] and [`contract::plain`] run all of them over a
//!   layer;
//! - [`axum_matrix`]: the ways in which axum applies a layer again, with requests through each;
//! - [`ReadyProbe`]: a service that notices being called unready;
//! - [`script`]: a service that the test answers step by step;
//! - [`body`]: bodies whose every frame the test decides;
//! - `sim`: overload and failure on virtual time (feature `sim`);
//! - [`Driven`]: a hand-driven executor that finds lost wake-ups and spinning.
//!
//! # A layer of your own
//!
//! This one counts the calls in flight. Give it a flaw, say a count that goes down in `poll` when
//! the inner future is ready instead of in `drop`, and the contract answers: "contract
//! `cancellation`: dropped after 0 polls: the layer is not at rest".
//!
//! ```
//! use std::{
//!     pin::Pin,
//!     sync::{
//!         Arc,
//!         atomic::{AtomicUsize, Ordering::Relaxed},
//!     },
//!     task::{Context, Poll},
//! };
//!
//! use pin_project::pin_project;
//! use tower_keep_test::contract::{self, Http};
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! #[derive(Clone, Default)]
//! struct InFlightLayer(Arc<AtomicUsize>);
//!
//! impl<S> Layer<S> for InFlightLayer {
//!     type Service = InFlight<S>;
//!
//!     fn layer(&self, inner: S) -> InFlight<S> {
//!         InFlight { inner, count: Arc::clone(&self.0) }
//!     }
//! }
//!
//! #[derive(Clone)]
//! struct InFlight<S> {
//!     inner: S,
//!     count: Arc<AtomicUsize>,
//! }
//!
//! impl<S: Service<Req>, Req> Service<Req> for InFlight<S> {
//!     type Response = S::Response;
//!     type Error = S::Error;
//!     type Future = ResponseFuture<S::Future>;
//!
//!     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
//!         self.inner.poll_ready(cx)
//!     }
//!
//!     fn call(&mut self, req: Req) -> Self::Future {
//!         // Counted first: if the inner `call` panics, the guard goes with it.
//!         let guard = Guard::new(&self.count);
//!         ResponseFuture { inner: self.inner.call(req), _guard: guard }
//!     }
//! }
//!
//! #[pin_project]
//! struct ResponseFuture<F> {
//!     #[pin]
//!     inner: F,
//!     _guard: Guard,
//! }
//!
//! impl<F: Future> Future for ResponseFuture<F> {
//!     type Output = F::Output;
//!
//!     fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
//!         self.project().inner.poll(cx)
//!     }
//! }
//!
//! struct Guard(Arc<AtomicUsize>);
//!
//! impl Guard {
//!     fn new(count: &Arc<AtomicUsize>) -> Self {
//!         count.fetch_add(1, Relaxed);
//!         Self(Arc::clone(count))
//!     }
//! }
//!
//! impl Drop for Guard {
//!     fn drop(&mut self) {
//!         self.0.fetch_sub(1, Relaxed);
//!     }
//! }
//!
//! // In a test of yours: #[tokio::test(start_paused = true)]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let at_rest = |layer: &InFlightLayer| assert_eq!(layer.0.load(Relaxed), 0, "in flight");
//! contract::http(InFlightLayer::default, at_rest).await;
//! contract::plain(InFlightLayer::default, at_rest).await;
//!
//! // Each check can be called alone, too.
//! let layer = InFlightLayer::default();
//! contract::cancellation(Http, &layer, || at_rest(&layer)).await;
//! # }
//! ```

pub mod axum_matrix;
pub mod body;
mod common;
pub mod contract;
mod poll;
mod ready_probe;
pub mod script;
#[cfg(feature = "sim")]
pub mod sim;

pub use self::{
    poll::Driven,
    ready_probe::{ReadyProbe, ReadyRecord},
};
