//! Answers that are still good are given again, by the rules of HTTP.
//!
//! # Why
//!
//! The fastest and safest call is the one that is not made. A service says with every answer how long it
//! stays good (`Cache-Control`, `Expires`), what it depends on (`Vary`) and how to ask whether it still
//! is (`ETag`, `Last-Modified`); this layer takes it at its word, as RFC 9111 has it:
//!
//! | an entry is | the call |
//! |---|---|
//! | fresh | is answered at once, with `Age`; the service inside is not even asked whether it is ready |
//! | stale, within `stale-while-revalidate` | of the first one asks whether it is still good, all others are answered at once meanwhile |
//! | stale | asks with `If-None-Match` or `If-Modified-Since`; a 304 makes the entry fresh |
//! | stale, within `stale-if-error`, and the service fails or a layer inside turns the call away | is answered with the entry |
//! | not there | goes to the service; the answer streams to its caller and is kept when it is complete |
//!
//! Nothing is kept that nobody said may be: an answer without any word on freshness is only kept to be
//! asked about again, unless [`default_ttl`](CacheConfig::default_ttl) is given. A call that changes
//! something takes what is kept of its target away, also what is on its way to be kept at that moment.
//!
//! As a [shared](Mode::Shared) cache, the default, it keeps nothing that is `private` or sets a cookie,
//! and calls with `Authorization` or `Cookie` neither fill it nor are filled from it, unless the answer
//! says `public` or `s-maxage`.
//!
//! # When not
//!
//! For services that answer by something that `Vary` does not name, such as the caller's address: give a
//! [key](CacheLayer::key), or have them say `private`. For gRPC, which is all `POST`. For large bodies:
//! what is above [`max_body`](CacheConfig::max_body) streams through and is not kept. Ranges are passed
//! on and never kept.
//!
//! # Where in the stack
//!
//! On a client, inside the timeout and outside retry, breaker and bulkhead: an answer that is there costs
//! no place, and `stale-if-error` covers their refusals. On a server outside the bulkhead. Directly
//! around `coalesce`, so that a popular entry that has gone is asked for once. In an axum router outside
//! nests, or with the feature `axum`, which sees the whole path inside of them too.
//!
//! # Readiness
//!
//! It is ready when the service inside is not yet, or a saturated service could not be spared: that is
//! when hits count most. A call that needs the service then waits in its future, which is what `S: Clone`
//! is for. A service inside that says it has *failed* is broken for good, and so is this one.
//!
//! # Cost
//!
//! A read allocates its key and takes a short lock of a part of the store; a hit copies the entry's
//! headers and shares its body, a miss copies the request's headers too. Other calls pay for the key only.
//!
//! # Example
//!
//! ```
//! use axum::{Router, http::header, routing::get};
//! use tower::ServiceBuilder;
//! use tower_keep::{cache::CacheLayer, coalesce::CoalesceLayer};
//!
//! let cache = CacheLayer::new().named("prices");
//! let handle = cache.handle();
//! let prices = get(|| async { ([(header::CACHE_CONTROL, "max-age=60")], "1.99") });
//! let app: Router = Router::new()
//!     .route("/prices", prices)
//!     .layer(ServiceBuilder::new().layer(cache).layer(CoalesceLayer::new()));
//!
//! // Later, when the prices have changed:
//! handle.invalidate(&http::Request::get("/prices").body(())?);
//! # Ok::<_, http::Error>(())
//! ```

mod conditions;
mod config;
mod entry;
mod future;
mod handle;
mod job;
mod layer;
#[cfg(all(test, keep_loom))]
mod models;
#[cfg(test)]
mod reference;
mod service;
mod shared;
mod state;
mod store;
mod storing;
#[cfg(test)]
mod tests;

pub use self::{
    config::{CacheConfig, Mode},
    future::ResponseFuture,
    handle::{CacheHandle, CacheSnapshot},
    layer::{CacheLayer, KeyRule},
    service::Cache,
    storing::Storing,
};

pub(crate) const LAYER: &str = "cache";
