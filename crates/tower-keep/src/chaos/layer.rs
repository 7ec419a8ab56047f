use std::sync::Arc;

use tower_layer::Layer;

use super::{Chaos, ChaosConfig, ChaosHandle, Secret, shared::Shared};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    protocol::{Head, Http},
};

/// Makes some calls suffer; see the [module](super).
///
/// A clone is the same chaos, and so is every service the layer makes.
#[derive(Clone, Debug)]
pub struct ChaosLayer<P = Http> {
    shared: Shared,
    protocol: P,
}

impl ChaosLayer {
    /// Chaos as configured.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: ChaosConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Shared::new(config)?,
            protocol: Http::new(),
        })
    }
}

impl Default for ChaosLayer {
    /// No faults, until the [handle](ChaosLayer::handle) is given some.
    fn default() -> Self {
        Self::from_config(ChaosConfig::default()).expect("the defaults are in range")
    }
}

impl<P> ChaosLayer<P> {
    /// Spares the calls for which `rule` is false: all but a tenant, a path, a method. Services that
    /// are not HTTP have no head to ask about, and are not spared. Clones made before keep the rule
    /// they have.
    ///
    /// A call that shows a [token](super::Token) is not spared.
    #[must_use]
    pub fn only(mut self, rule: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.shared.only = Some(Arc::new(rule));
        self
    }

    /// Does nothing while `stop` is true: while a breaker is open, while an error budget burns. Asked
    /// before each fault. Clones made before keep what they have.
    ///
    /// ```
    /// use tower_keep::{
    ///     chaos::ChaosLayer,
    ///     circuit_breaker::CircuitBreakerLayer,
    ///     observe::{Condition, Watch},
    /// };
    ///
    /// let breaker = CircuitBreakerLayer::new().handle();
    /// let chaos = ChaosLayer::default()
    ///     .unless(move || breaker.vitals().condition != Condition::Normal);
    /// ```
    #[must_use]
    pub fn unless(mut self, stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.shared.unless = Some(Arc::new(stop));
        self
    }

    /// Lets calls ask for a fault in the header `x-chaos`, with a [`Token`](super::Token) signed by
    /// `secret`; those without a valid one are calls like any other. Clones made before do not.
    #[must_use]
    pub fn on_request(mut self, secret: Secret) -> Self {
        self.shared.secret = Some(Arc::new(secret));
        self
    }

    naming!(self => self.shared.live.emitter);

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> ChaosHandle {
        ChaosHandle::new(self.shared.live.clone())
    }
}

protocol_conversions!(ChaosLayer { shared });

impl<S, P: Clone> Layer<S> for ChaosLayer<P> {
    type Service = Chaos<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Chaos::new(inner, self.shared.clone(), self.protocol.clone())
    }
}
