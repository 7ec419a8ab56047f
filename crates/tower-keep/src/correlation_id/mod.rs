//! One id for everything that belongs to a request, in every service it goes through.
//!
//! # Why
//!
//! Something went wrong for one customer, at one moment, somewhere in five services. With an id that
//! every log line, event, answer and further call of the request carries, one search finds all of it;
//! the customer can even quote it, because it is in the answer, also in one that a layer gave.
//!
//! [`CorrelationIdLayer`] stands on a server. It takes the id that the caller sent, if it is well
//! formed, or makes one; it takes the caller's W3C `traceparent`, or that of B3 headers, or starts a
//! trace; and it takes the caller's [priority](crate::context::Priority), if there is one. They are then
//!
//! - in the task: [`context::correlation_id()`](crate::context::correlation_id), while the handler
//!   runs and while its body streams;
//! - in the request's extensions, as a [`Context`](crate::context::Context);
//! - in every log line of the handler, through a `tracing` span `request` (with the feature `tracing`,
//!   which costs next to nothing while no subscriber is interested);
//! - in the event of every layer inside;
//! - the id, in the response's headers, whoever answered.
//!
//! It also remembers whether the request is a [retry of the caller's](crate::context::inbound_attempt),
//! so that retry layers of clients inside do not multiply it.
//!
//! [`PropagateLayer`] stands on a client. It puts them on every call that is made, with no code in
//! the handler; each call is a child span of its own.
//!
//! # When not
//!
//! It records no spans anywhere: it keeps a trace that others record from breaking. If
//! OpenTelemetry handles `traceparent` in your process, switch
//! [`trace`](CorrelationIdConfig::trace) off here.
//!
//! # Whom to believe
//!
//! An id from outside is 1 to 128 of `A-Z a-z 0-9 _ . -` or it is replaced, so it cannot forge log
//! lines. But a well-formed id still is what the caller says: it may be the id of another request.
//! Where the callers are not your own services, at the edge to the Internet, take
//! [`CorrelationIdConfig::edge`], which makes a new id and starts a new trace for each request. In the
//! same way, what [`PropagateLayer`] sends is seen by whoever is called: leave it out of a client for
//! somebody else's service if that must not learn your ids.
//!
//! # Where in the stack
//!
//! On a server outside everything else, so that every refusal carries the id. On a client inside
//! retry, so that each attempt is a span of its own.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_keep::correlation_id::{CorrelationIdLayer, PropagateLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any client that is a service of requests: hyper-util's, a tonic channel, or this one.
//! let client = service_fn(async |call: Request<Body>| {
//!     assert_eq!(call.headers()["x-correlation-id"], "order-17");
//!     Ok::<_, BoxError>(Response::new("paid"))
//! });
//! let payments = ServiceBuilder::new().layer(PropagateLayer::new()).service(client);
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(async move || {
//!         // Not a word of ids in the handler.
//!         let paid = payments.oneshot(Request::new(Body::empty())).await;
//!         paid.map(|answer| answer.into_body()).unwrap_or("try again")
//!     }))
//!     .layer(CorrelationIdLayer::new());
//!
//! let order = Request::get("/orders").header("x-correlation-id", "order-17");
//! let answer = app.oneshot(order.body(Body::empty())?).await?;
//! assert_eq!(answer.headers()["x-correlation-id"], "order-17");
//! # Ok(())
//! # }
//! ```
//!
//! # Cost
//!
//! It is the one layer that has to allocate: the id, and what `http` keeps headers and extensions in.
//! On a request without id, extensions or response headers that is 7 allocations: the id, the context,
//! the extension and the two parts of the map for it, and the two parts of the response's header map.
//! An id that came with the request is not copied, and maps that exist are not made: what is left
//! then is the context and its box in the extensions.

mod config;
mod future;
mod handle;
mod inbound;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
mod outbound;
mod propagate;
mod service;
mod settings;
#[cfg(test)]
mod tests;

pub use self::{
    config::{CorrelationIdConfig, Trust},
    future::{InContext, ResponseFuture},
    handle::{CorrelationIdHandle, CorrelationIdSnapshot},
    layer::CorrelationIdLayer,
    propagate::{Propagate, PropagateLayer},
    service::CorrelationIdService,
};

pub(crate) const LAYER: &str = "correlation_id";
