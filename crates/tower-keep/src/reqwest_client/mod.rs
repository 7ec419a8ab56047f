//! reqwest's client under the layers.
//!
//! # Why
//!
//! `reqwest::Client` is a tower service, of requests and responses of its own kind, and it follows
//! redirects and retries inside. [`ReqwestService`] is the same client as a service of `http`'s requests,
//! so that every layer stands on it with nothing said, and a call is one call:
//!
//! - [`ReqwestService::build`] switches reqwest's redirects and retries off. What failed before it was
//!   sent, a `POST` too, is known to be so and is sent again.
//! - [`ReqwestService::new`] takes a client as it is. Where it follows redirects, a connection that could
//!   not be made may be the second one, after the first server has done its part: so only what may be
//!   done twice is sent again.
//!
//! reqwest's own `timeout`, of the client or of a request, is that of one attempt then. Its whole time is
//! [`timeout`](crate::timeout)'s, outside of retry.
//!
//! # Requests of reqwest's kind
//!
//! [`ReqwestClient`] around the layers takes what `client.post(url).json(&order)` makes, and gives
//! reqwest's responses; a refusal is one of them, with the
//! [`Rejection`](crate::rejection::Rejection) among its extensions:
//!
//! ```no_run
//! use tower::ServiceBuilder;
//! use tower_keep::{
//!     circuit_breaker::CircuitBreakerLayer,
//!     rejection::Rejection,
//!     reqwest_client::{Error, ReqwestClient, ReqwestService},
//!     retry::RetryLayer,
//! };
//!
//! # async fn example() -> Result<(), Error> {
//! let http = ReqwestService::build(reqwest::Client::builder())?;
//! let payments = ReqwestClient::new(
//!     ServiceBuilder::new()
//!         .layer(RetryLayer::default().named("payments"))
//!         .layer(CircuitBreakerLayer::new().named("payments"))
//!         .service(http.clone()),
//! );
//! let answer = payments.send(http.client().get("http://payments/balance")).await?;
//! if let Some(refused) = answer.extensions().get::<Rejection>() {
//!     println!("not asked: {refused}");
//! }
//! println!("{}", answer.text().await?);
//! # Ok(())
//! # }
//! ```
//!
//! TLS, HTTP/2, compression and the rest are reqwest's features; turn them on in your own manifest.

mod client;
mod error;
mod future;
mod service;

pub use self::{
    client::ReqwestClient, error::Error, future::ResponseFuture, service::ReqwestService,
};
