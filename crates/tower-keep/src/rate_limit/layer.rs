use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    ByRequest, LAYER, Metered, One, Rate, RateLimit, RateLimitConfig, RateLimitHandle,
    shared::Shared,
};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    keyed::{Keyable, keyed_by},
    observe::{Emitter, EventKind},
    protocol::Http,
};

/// Lets so many calls start in a time; see the [module](super).
///
/// A clone is the same limit, and so is every service the layer makes.
#[derive(Clone)]
pub struct RateLimitLayer<P = Http, C = One> {
    shared: Arc<Shared>,
    protocol: P,
    price: C,
}

impl RateLimitLayer {
    /// This rate; what is too much is refused.
    ///
    /// # Panics
    /// If a number or time of `rate` is 0, or its burst grows back in more than a year.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self::from_config(RateLimitConfig::new(rate))
            .expect("the defaults are in range and the caller keeps `rate` in range")
    }

    /// Several limits, waiting, warming up, for one.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: RateLimitConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            shared: Shared::new(config, Emitter::new(LAYER)),
            protocol: Http::new(),
            price: One,
        })
    }
}

impl<P> RateLimitLayer<P> {
    /// Counts calls by what they cost in place of one each. A call that costs 0 is exempt; one that
    /// costs more than a limit holds is refused and told no time.
    ///
    /// ```
    /// use tower_keep::rate_limit::{Rate, RateLimitLayer};
    ///
    /// let layer = RateLimitLayer::new(Rate::per_second(100))
    ///     .cost(|request: &http::Request<axum::body::Body>| match request.uri().path() {
    ///         "/live" => 0,
    ///         "/search" => 10,
    ///         _ => 1,
    ///     });
    /// # let _ = layer;
    /// ```
    ///
    /// The closure runs for each call before anything is decided; a panic in it is the caller's.
    #[must_use]
    pub fn cost<F>(self, estimate: F) -> RateLimitLayer<P, ByRequest<F>> {
        self.with_price(ByRequest(Arc::new(estimate)))
    }

    /// Counts calls by what they cost, estimated from the request and corrected by the answer, if that
    /// tells. Else a [`Meter`](super::Meter), which each request gets as an extension, may say it later.
    ///
    /// ```
    /// use tower_keep::rate_limit::{Limit, Rate, RateLimitConfig, RateLimitLayer};
    ///
    /// # fn main() -> Result<(), tower_keep::BoxError> {
    /// let config = RateLimitConfig::new(Limit::calls(Rate::per_minute(500)))
    ///     .and(Limit::new(Rate::per_minute(200_000)).named("tokens"));
    /// let layer = RateLimitLayer::from_config(config)?.metered(
    ///     |request: &http::Request<String>| request.body().len() as u64 / 4,
    ///     |response: &http::Response<String>| {
    ///         response.headers().get("x-tokens-used")?.to_str().ok()?.parse::<u64>().ok()
    ///     },
    /// );
    /// # let _ = layer;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn metered<F, A>(self, estimate: F, actual: A) -> RateLimitLayer<P, Metered<F, A>> {
        self.with_price(Metered(Arc::new((estimate, actual))))
    }

    fn with_price<C>(self, price: C) -> RateLimitLayer<P, C> {
        RateLimitLayer {
            shared: self.shared,
            protocol: self.protocol,
            price,
        }
    }
}

impl<P, C> RateLimitLayer<P, C> {
    naming!(self => self.shared.emitter);

    /// Whether every call is let through and none counted, for now.
    #[must_use]
    #[inline]
    pub fn is_off(&self) -> bool {
        self.shared.is_off()
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> RateLimitHandle {
        RateLimitHandle::new(self.shared.clone())
    }
}

protocol_conversions!(RateLimitLayer { shared, price });
keyed_by!(RateLimitLayer<P, C>);

impl<P: Clone, C: Clone> Keyable for RateLimitLayer<P, C> {
    type Config = RateLimitConfig;
    type Handle = RateLimitHandle;

    fn fork(&self, key: &str, config: RateLimitConfig) -> Self {
        let emitter = self.shared.emitter.for_key(key);
        Self {
            shared: Shared::new(config, emitter),
            protocol: self.protocol.clone(),
            price: self.price.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        // Every call that waits, or may yet give something back, shares it, and so does every handle.
        Arc::strong_count(&self.shared) == 1 && self.shared.is_idle()
    }

    fn steering(&self) -> RateLimitHandle {
        self.handle()
    }

    fn configuration(&self) -> RateLimitConfig {
        self.shared.config()
    }

    fn check(&self, config: &RateLimitConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn configure(&self, config: RateLimitConfig) {
        self.shared.configure(config);
    }

    fn tell(&self, kind: EventKind) {
        self.shared.emitter.emit(kind);
    }
}

impl<S, P: Clone, C: Clone> Layer<S> for RateLimitLayer<P, C> {
    type Service = RateLimit<S, P, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self {
            shared,
            protocol,
            price,
        } = self.clone();
        RateLimit::new(inner, shared, protocol, price)
    }
}

impl<P, C> fmt::Debug for RateLimitLayer<P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
