use std::sync::Arc;

use tower_layer::Layer;

use super::{
    Budget, Cloned, Failed, MapBody, Replayed, Retry, RetryConfig, RetryHandle, SameBody, Streamed,
    shared::Shared,
};
use crate::{
    common::macros::naming,
    config::ConfigError,
    keyed::{Keyable, keyed_by},
    observe::{Emitter, EventKind},
    protocol::{Grpc, Http, Plain},
};

/// Tries again what failed by bad luck; see the [module](super).
///
/// A clone is the same layer, with the same budget, and so is every service it makes.
///
/// # The body that the service inside takes
///
/// | the service inside | the layer |
/// |---|---|
/// | takes any body: axum's routes and handlers, `service_fn` | as it is |
/// | takes the body type you choose: hyper-util's `Client<C, B>` | as it is, with `Client<C, ReplayBody<B>>` |
/// | takes the same body type as your calls have: tonic's `Channel`, axum's `from_fn` | [`.same_body(Body::new)`](Self::same_body) |
/// | takes another one: a client of boxed bodies | [`.map_body(BodyExt::boxed_unsync)`](Self::map_body) |
///
/// ```
/// use axum::{Router, body::Body, extract::Request, middleware, response::Response, routing::get};
/// use tower::ServiceBuilder;
/// use tower_keep::retry::RetryLayer;
///
/// async fn log(request: Request, next: middleware::Next) -> Response {
///     println!("{}", request.uri());
///     next.run(request).await
/// }
///
/// // `from_fn` takes axum's `Body` and no other.
/// let stack = ServiceBuilder::new()
///     .layer(RetryLayer::default().same_body(Body::new))
///     .layer(middleware::from_fn(log));
/// let app: Router = Router::new().route("/", get(|| async { "done" })).layer(stack);
/// ```
///
/// The same with tonic's `Body::new` fits a `Channel`. Its error is looked into for connections that
/// could not be made once it is boxed: put `.map_err(BoxError::from)` between layer and channel.
#[derive(Clone, Debug)]
pub struct RetryLayer<P = Http, R = Replayed> {
    shared: Arc<Shared>,
    protocol: P,
    replay: R,
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::from_config(RetryConfig::default()).expect("the defaults are in range")
    }
}

impl RetryLayer {
    /// A layer with a budget of its own.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: RetryConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared::new(config)?),
            protocol: Http::new(),
            replay: Replayed::default(),
        })
    }

    /// For services that are not HTTP: requests are cloned, and every failure is tried again.
    ///
    /// Narrow that with [`Plain::classify`], which sees the outcome, or with
    /// [`retry_if`](Self::retry_if).
    #[must_use]
    pub fn plain(self) -> RetryLayer<Plain, Cloned> {
        RetryLayer {
            shared: self.shared,
            protocol: Plain::new(),
            replay: Cloned,
        }
    }

    /// For services that speak nothing but gRPC.
    ///
    /// The default protocol knows gRPC requests as well, but has to look at each HTTP/2 request's
    /// content type first.
    #[must_use]
    pub fn grpc(self) -> RetryLayer<Grpc> {
        self.with_protocol(Grpc::new())
    }
}

impl<P> RetryLayer<P, Replayed<Streamed>> {
    /// For a service inside that takes the same body type as the calls have; `rewrap` boxes a
    /// [`ReplayBody`](super::ReplayBody) as one, and is not called for what cannot be retried.
    #[must_use]
    pub fn same_body<F>(self, rewrap: F) -> RetryLayer<P, Replayed<SameBody<F>>> {
        self.with_replay(Replayed(SameBody(rewrap)))
    }

    /// For a service inside that takes a body type of its own; `convert` makes one of a
    /// [`ReplayBody`](super::ReplayBody).
    #[must_use]
    pub fn map_body<F>(self, convert: F) -> RetryLayer<P, Replayed<MapBody<F>>> {
        self.with_replay(Replayed(MapBody(convert)))
    }
}

impl<P, R> RetryLayer<P, R> {
    /// Speaks another [protocol](crate::protocol).
    #[must_use]
    pub fn with_protocol<Q>(self, protocol: Q) -> RetryLayer<Q, R> {
        RetryLayer {
            shared: self.shared,
            protocol,
            replay: self.replay,
        }
    }

    /// Makes requests again in another way, for a kind of request of your own.
    #[must_use]
    pub fn with_replay<To>(self, replay: To) -> RetryLayer<P, To> {
        RetryLayer {
            shared: self.shared,
            protocol: self.protocol,
            replay,
        }
    }

    /// Pays from `budget`, which other layers may pay from too.
    ///
    /// The budget's configuration counts, not that in [`RetryConfig::budget`]. Clones and handles that
    /// were made before keep the budget they have.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        Arc::make_mut(&mut self.shared).budget = budget;
        self
    }

    /// Decides whether a failed attempt may be made again, in place of [`Failed::may_retry`].
    ///
    /// Asked about failures and about answers that the rules would retry; attempts, deadline and
    /// budget still count, and refusals of ours are never retried. To make a failure of what counts as
    /// success, give the protocol rules of your own. Clones made before keep the rule they have.
    ///
    /// ```
    /// use tower_keep::{classify::Class, retry::RetryLayer};
    ///
    /// // Leave a service alone that says it has too much to do.
    /// let layer = RetryLayer::default()
    ///     .retry_if(|failed| failed.may_retry() && failed.verdict.class != Class::Overload);
    /// ```
    #[must_use]
    pub fn retry_if(mut self, rule: impl Fn(&Failed) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.shared).rule = Some(Arc::new(rule));
        self
    }

    naming!(self => self.emitter());

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> RetryHandle {
        RetryHandle::new(self.shared.clone())
    }

    fn emitter(&self) -> &Emitter {
        &self.shared.live.emitter
    }
}

impl<S, P: Clone, R: Clone> Layer<S> for RetryLayer<P, R> {
    type Service = Retry<S, P, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(
            inner,
            self.shared.clone(),
            self.protocol.clone(),
            self.replay.clone(),
        )
    }
}

keyed_by!(RetryLayer<P, R>);

/// Each key has a budget of its own, also where the layer was given one to share.
///
/// The service inside has to take requests as they come, which axum's does; give others a layer with
/// [`same_body`](RetryLayer::same_body).
impl<P: Clone, R: Clone> Keyable for RetryLayer<P, R> {
    type Config = RetryConfig;
    type Handle = RetryHandle;

    fn fork(&self, key: &str, config: RetryConfig) -> Self {
        Self {
            shared: Arc::new(self.shared.fork(key, config)),
            protocol: self.protocol.clone(),
            replay: self.replay.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        // Every call that runs shares it, and so does every handle.
        Arc::strong_count(&self.shared) == 1 && self.shared.budget.is_fresh()
    }

    fn steering(&self) -> RetryHandle {
        self.handle()
    }

    fn configuration(&self) -> RetryConfig {
        self.shared.config()
    }

    fn check(&self, config: &RetryConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn configure(&self, config: RetryConfig) {
        self.shared.configure(config);
    }

    fn tell(&self, kind: EventKind) {
        self.emitter().emit(kind);
    }
}
