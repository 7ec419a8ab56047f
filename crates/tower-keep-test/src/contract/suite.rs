//! All checks in one call.

use std::{convert::Infallible, fmt};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Bare, Contracted, Http, Local, Plain, Upload, body_drop, body_passthrough, cancellation,
    not_clone_request, not_send, panics, readiness, wakeups,
};

/// Runs every check over an HTTP layer. `make_layer` is called anew for each check and `quiescent`
/// gets the layer that the check uses.
///
/// # Panics
///
/// With an explanation that names the check, if the layer breaks one.
pub async fn http<L, B>(make_layer: impl Fn() -> L, quiescent: impl Fn(&L))
where
    L: Layer<Bare> + Contracted<Http, Local>,
    <L as Layer<Bare>>::Service:
        Service<Request<Upload>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    Contract::new(make_layer, quiescent).http().await;
}

/// Runs every check that makes sense over a layer of plain services (`u64` to `u64`, `BoxError`).
///
/// # Panics
///
/// With an explanation that names the check, if the layer breaks one.
pub async fn plain<L>(make_layer: impl Fn() -> L, quiescent: impl Fn(&L))
where
    L: Contracted<Plain> + Contracted<Plain, Local>,
{
    Contract::new(make_layer, quiescent).plain().await;
}

/// [`http()`] and [`plain`] for a layer that has an excuse.
pub struct Contract<M, Q> {
    make_layer: M,
    quiescent: Q,
    allocations: u64,
}

impl<M, Q> Contract<M, Q> {
    /// A contract without excuses.
    #[must_use]
    pub fn new(make_layer: M, quiescent: Q) -> Self {
        Self {
            make_layer,
            quiescent,
            allocations: 0,
        }
    }

    /// Allows each admitted call this many allocations: a layer that adds a header must make it.
    /// The default is none. Without the feature `alloc` nobody counts.
    #[must_use]
    pub fn allowing_allocations(mut self, times: u64) -> Self {
        self.allocations = times;
        self
    }

    /// Runs every check over an HTTP layer, as [`http()`] does.
    ///
    /// # Panics
    ///
    /// With an explanation that names the check, if the layer breaks one.
    pub async fn http<L, B>(&self)
    where
        M: Fn() -> L,
        Q: Fn(&L),
        L: Layer<Bare> + Contracted<Http, Local>,
        <L as Layer<Bare>>::Service:
            Service<Request<Upload>, Response = Response<B>, Error = Infallible> + Clone,
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        self.common(Http).await;
        let layer = (self.make_layer)();
        body_drop(&layer, || (self.quiescent)(&layer)).await;
        body_passthrough(&(self.make_layer)()).await;
        not_clone_request(&(self.make_layer)()).await;
    }

    /// Runs every check over a plain layer, as [`plain`] does.
    ///
    /// # Panics
    ///
    /// With an explanation that names the check, if the layer breaks one.
    pub async fn plain<L>(&self)
    where
        M: Fn() -> L,
        Q: Fn(&L),
        L: Contracted<Plain> + Contracted<Plain, Local>,
    {
        self.common(Plain).await;
    }

    async fn common<W: Copy, L>(&self, wire: W)
    where
        M: Fn() -> L,
        Q: Fn(&L),
        L: Contracted<W> + Contracted<W, Local>,
    {
        let layer = (self.make_layer)();
        readiness(wire, &layer, || (self.quiescent)(&layer)).await;
        let layer = (self.make_layer)();
        cancellation(wire, &layer, || (self.quiescent)(&layer)).await;
        let layer = (self.make_layer)();
        panics(wire, &layer, || (self.quiescent)(&layer)).await;
        wakeups(wire, &(self.make_layer)()).await;
        not_send(wire, &(self.make_layer)()).await;
        #[cfg(feature = "alloc")]
        super::allocations(wire, &(self.make_layer)(), self.allocations).await;
    }
}

impl<M, Q> fmt::Debug for Contract<M, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract")
            .field("allocations", &self.allocations)
            .finish_non_exhaustive()
    }
}
