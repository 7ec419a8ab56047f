use std::sync::Arc;

use super::{
    CircuitBreakerConfig, CircuitBreakerHandle, CircuitBreakerLayer, Permit, ResponseFuture,
    front::Front,
};
use crate::{
    config::ConfigError,
    observe::Observer,
    protocol::{Plain, Wire},
    rejection::Rejection,
};

/// A circuit breaker for code that is no [`Service`](tower_service::Service).
///
/// Cheap to clone; a clone is the same breaker. It can guard a layer's services as well:
/// [`layer`](Self::layer) and [`CircuitBreakerLayer::breaker`] share the state.
///
/// ```
/// use tower_keep::{BoxError, circuit_breaker::Breaker};
///
/// # async fn quote() -> Result<u32, std::io::Error> { Ok(42) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let breaker = Breaker::default().named("quotes");
/// let price = breaker.call(async { Ok::<_, BoxError>(quote().await?) }).await?;
/// # assert_eq!(price, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Breaker {
    pub(super) front: Arc<Front>,
}

impl Breaker {
    /// A breaker with the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(CircuitBreakerConfig::default()).expect("the defaults work")
    }

    /// A breaker with this configuration.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn from_config(config: CircuitBreakerConfig) -> Result<Self, ConfigError> {
        Front::new(config).map(|front| Self { front })
    }

    /// Names it, for events, rejections and snapshots.
    #[must_use]
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.front.core.emitter.rename(name);
        self
    }

    /// Has `observer` hear what happens in it.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.front.core.emitter.observe(observer);
        self
    }

    /// Runs `future` if the breaker lets it; every `Err` is a failure.
    ///
    /// Decided here and now, so await the answer at once. `future`'s error must be able to
    /// [carry](crate::protocol::CarriesRejection) the refusal.
    pub fn call<F>(&self, future: F) -> ResponseFuture<F, Plain> {
        self.call_with(Plain::new(), future)
    }

    /// [`call`](Self::call), with outcomes judged by a [protocol](crate::protocol), such as
    /// `Plain::new().classify(..)`.
    pub fn call_with<F, P>(&self, protocol: P, future: F) -> ResponseFuture<F, P> {
        match self.front.admit() {
            Ok(permit) => ResponseFuture::admitted(permit, future, protocol, Wire::Plain),
            Err(rejection) => ResponseFuture::rejected(rejection, protocol, Wire::Plain),
        }
    }

    /// Lets a call through that is made elsewhere; tell the permit how it went.
    ///
    /// # Errors
    /// If the breaker is open.
    pub fn try_acquire(&self) -> Result<Permit, Rejection> {
        self.front.admit().map(Permit::by_hand)
    }

    /// A layer whose services this breaker guards.
    #[must_use]
    pub fn layer(&self) -> CircuitBreakerLayer {
        CircuitBreakerLayer::of(self.front.clone())
    }

    /// To look and steer.
    #[must_use]
    pub fn handle(&self) -> CircuitBreakerHandle {
        CircuitBreakerHandle {
            front: self.front.clone(),
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}
