use std::{sync::Arc, time::Duration};

use http::request::Parts;
use tower_layer::Layer;

use super::{ClonedIf, Hedge, HedgeConfig, HedgeHandle, Rewritten, shared::Shared};
use crate::{
    budget::Budget,
    common::macros::naming,
    config::ConfigError,
    observe::Emitter,
    protocol::{Grpc, Head, Http, Plain},
    replay::{Cloned, MapBody, Replayed, SameBody, Streamed},
};

/// Asks a second time where the first answer is late; see the [module](super).
///
/// A clone is the same layer, with the same budget and the same knowledge of the service, and so is
/// every service it makes.
///
/// The service inside takes a [`ReplayBody`](crate::replay::ReplayBody) of the calls' body: axum's
/// routes, `service_fn` and hyper's clients do as they are. One that takes the same body as the calls
/// have gets it by [`same_body`](Self::same_body), one that takes another by
/// [`map_body`](Self::map_body).
#[derive(Clone, Debug)]
pub struct HedgeLayer<P = Http, R = Replayed> {
    shared: Arc<Shared>,
    protocol: P,
    replay: R,
}

impl Default for HedgeLayer {
    fn default() -> Self {
        Self::from_config(HedgeConfig::default()).expect("the defaults are in range")
    }
}

impl HedgeLayer {
    /// One more attempt after a fixed time; [`default`](Self::default) finds the time by itself.
    ///
    /// # Panics
    /// If `delay` is more than a year.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        Self::from_config(HedgeConfig::after(delay))
            .expect("the defaults are in range and the caller keeps `delay` in range")
    }

    /// A layer with a budget of its own.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: HedgeConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared::new(config)?),
            protocol: Http::new(),
            replay: Replayed::default(),
        })
    }

    /// For services that are not HTTP: every request is eligible, and cloned.
    #[must_use]
    pub fn plain(self) -> HedgeLayer<Plain, Cloned> {
        self.with_protocol(Plain::new())
            .with_replay(Cloned::default())
    }

    /// For services that are not HTTP: those requests are eligible that `rule` says yes to.
    ///
    /// ```
    /// # enum Query { Read, Write }
    /// # impl Clone for Query { fn clone(&self) -> Self { Query::Read } }
    /// use tower_keep::hedge::HedgeLayer;
    ///
    /// let layer = HedgeLayer::default().plain_if(|query: &Query| matches!(query, Query::Read));
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn plain_if<Req, F>(self, rule: F) -> HedgeLayer<Plain, ClonedIf<F>>
    where
        F: Fn(&Req) -> bool,
    {
        self.with_protocol(Plain::new())
            .with_replay(ClonedIf(Arc::new(rule)))
    }

    /// For services that speak nothing but gRPC. All gRPC requests are `POST`: say which may be sent
    /// twice, by [`eligible_if`](Self::eligible_if) or the extension
    /// [`Retryable`](crate::replay::Retryable).
    #[must_use]
    pub fn grpc(self) -> HedgeLayer<Grpc> {
        self.with_protocol(Grpc::new())
    }
}

impl<P> HedgeLayer<P, Replayed<Streamed>> {
    /// For a service inside that takes the same body type as the calls have; `rewrap` boxes a
    /// [`ReplayBody`](crate::replay::ReplayBody) as one, and is not called for what cannot be sent
    /// twice.
    #[must_use]
    pub fn same_body<F>(self, rewrap: F) -> HedgeLayer<P, Replayed<SameBody<F>>> {
        self.with_replay(Replayed(SameBody(rewrap)))
    }

    /// For a service inside that takes a body type of its own; `convert` makes one of a
    /// [`ReplayBody`](crate::replay::ReplayBody).
    #[must_use]
    pub fn map_body<F>(self, convert: F) -> HedgeLayer<P, Replayed<MapBody<F>>> {
        self.with_replay(Replayed(MapBody(convert)))
    }
}

impl<P, R> HedgeLayer<P, R> {
    /// Speaks another [protocol](crate::protocol).
    #[must_use]
    pub fn with_protocol<Q>(self, protocol: Q) -> HedgeLayer<Q, R> {
        HedgeLayer {
            shared: self.shared,
            protocol,
            replay: self.replay,
        }
    }

    /// Makes requests again in another way, for a kind of request of your own.
    #[must_use]
    pub fn with_replay<To>(self, replay: To) -> HedgeLayer<P, To> {
        HedgeLayer {
            shared: self.shared,
            protocol: self.protocol,
            replay,
        }
    }

    /// Changes the heads of further attempts, such as to send them to another host. The attempt is
    /// told by its number; the first, which is never changed, is 1.
    ///
    /// ```
    /// use http::Uri;
    /// use tower_keep::hedge::HedgeLayer;
    ///
    /// let layer = HedgeLayer::default().rewrite(|_, head| {
    ///     let path = head.uri.path();
    ///     if let Ok(elsewhere) = format!("http://replica.internal{path}").parse::<Uri>() {
    ///         head.uri = elsewhere;
    ///     }
    /// });
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn rewrite<F>(self, rewrite: F) -> HedgeLayer<P, Rewritten<R, F>>
    where
        F: Fn(u32, &mut Parts),
    {
        HedgeLayer {
            shared: self.shared,
            protocol: self.protocol,
            replay: Rewritten::new(self.replay, rewrite),
        }
    }

    /// Sends those HTTP requests twice that `rule` says yes to, in place of the idempotent ones.
    /// Clones made before keep the rule they have.
    #[must_use]
    pub fn eligible_if(mut self, rule: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.shared).rule = Some(Arc::new(rule));
        self
    }

    /// Fills and pays from `budget`, as other layers do that stand beside this one.
    ///
    /// The budget's configuration counts, not that in [`HedgeConfig::budget`]. Clones and handles that
    /// were made before keep the budget they have.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        let shared = Arc::make_mut(&mut self.shared);
        (shared.budget, shared.fills) = (budget, true);
        self
    }

    /// Pays from the `budget` of a layer around this one, such as a retry layer in the same stack,
    /// which counts the calls already. Otherwise as [`budget`](Self::budget).
    #[must_use]
    pub fn budget_of_outer(mut self, budget: Budget) -> Self {
        let shared = Arc::make_mut(&mut self.shared);
        (shared.budget, shared.fills) = (budget, false);
        self
    }

    naming!(self => self.emitter());

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> HedgeHandle {
        HedgeHandle::new(self.shared.clone())
    }

    fn emitter(&self) -> &Emitter {
        &self.shared.live.emitter
    }
}

impl<S, P: Clone, R: Clone> Layer<S> for HedgeLayer<P, R> {
    type Service = Hedge<S, P, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedge::new(
            inner,
            self.shared.clone(),
            self.protocol.clone(),
            self.replay.clone(),
        )
    }
}
