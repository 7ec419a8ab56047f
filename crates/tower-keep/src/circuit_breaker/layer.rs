use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    Breaker, CircuitBreaker, CircuitBreakerConfig, CircuitBreakerHandle, WithFallback, front::Front,
};
use crate::{
    classify::{ResponseHead, Verdict},
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    keyed::{Keyable, keyed_by},
    observe::EventKind,
    protocol::{By, Http, Plain},
    rejection::Rejection,
};

/// Guards services with one circuit breaker.
///
/// Every service it makes, and those that its clones make, share the breaker; see the
/// [module](super).
#[derive(Clone)]
pub struct CircuitBreakerLayer<P = Http> {
    front: Arc<Front>,
    protocol: P,
}

impl CircuitBreakerLayer {
    /// A breaker with the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Breaker::new().layer()
    }

    /// A breaker with this configuration.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn from_config(config: CircuitBreakerConfig) -> Result<Self, ConfigError> {
        Front::new(config).map(Self::of)
    }

    pub(super) fn of(front: Arc<Front>) -> Self {
        Self {
            front,
            protocol: Http::new(),
        }
    }

    /// Judges responses by `rules` first, and by the usual rules where it answers `None`: see
    /// [`Http::classify`].
    #[must_use]
    pub fn classify<F>(self, rules: F) -> Self
    where
        F: Fn(&ResponseHead<'_>) -> Option<Verdict> + Send + Sync + 'static,
    {
        Self {
            front: self.front,
            protocol: self.protocol.classify(rules),
        }
    }
}

impl<C> CircuitBreakerLayer<Plain<C>> {
    /// Judges outcomes by `rules`, a closure over `&Result<Response, Error>`: see
    /// [`Plain::classify`].
    #[must_use]
    pub fn classify<F>(self, rules: F) -> CircuitBreakerLayer<Plain<By<F>>> {
        CircuitBreakerLayer {
            front: self.front,
            protocol: self.protocol.classify(rules),
        }
    }
}

impl<P> CircuitBreakerLayer<P> {
    naming!(self => self.front.core.emitter);

    /// Answers by `answer` in place of turning calls away; see [`WithFallback`].
    ///
    /// On HTTP the closure makes an `http::Response` whose body is anything that turns into `Bytes`,
    /// on a [plain](Self::plain) service a `Result<Response, Error>`. It comes after `plain`,
    /// `with_protocol` and `classify`.
    #[must_use]
    pub fn fallback<F, R>(self, answer: F) -> CircuitBreakerLayer<WithFallback<P, F>>
    where
        F: Fn(&Rejection) -> R,
    {
        let emitter = self.front.core.emitter.clone();
        CircuitBreakerLayer {
            front: self.front,
            protocol: WithFallback::new(self.protocol, answer, emitter),
        }
    }

    /// To look and steer.
    #[must_use]
    pub fn handle(&self) -> CircuitBreakerHandle {
        self.breaker().handle()
    }

    /// The breaker, to guard with it what is no service.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        Breaker {
            front: self.front.clone(),
        }
    }
}

protocol_conversions!(CircuitBreakerLayer { front });
keyed_by!(CircuitBreakerLayer<P>);

impl<P: Clone> Keyable for CircuitBreakerLayer<P> {
    type Config = CircuitBreakerConfig;
    type Handle = CircuitBreakerHandle;

    fn fork(&self, key: &str, config: CircuitBreakerConfig) -> Self {
        Self {
            front: self.front.fork(key, config),
            protocol: self.protocol.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        // Every call that runs shares it, and so does every handle.
        self.front.is_free() && self.front.core.is_fresh()
    }

    /// Failures in a row, and a window that counts calls, have no age of their own.
    fn is_forgettable(&self) -> bool {
        self.front.is_free() && self.front.core.is_automatic()
    }

    fn steering(&self) -> CircuitBreakerHandle {
        self.handle()
    }

    fn configuration(&self) -> CircuitBreakerConfig {
        self.handle().config()
    }

    fn check(&self, config: &CircuitBreakerConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn configure(&self, config: CircuitBreakerConfig) {
        self.front.core.configure(config);
    }

    fn tell(&self, kind: EventKind) {
        self.front.core.emitter.emit(kind);
    }
}

impl<S, P: Clone> Layer<S> for CircuitBreakerLayer<P> {
    type Service = CircuitBreaker<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker::new(inner, self.front.clone(), self.protocol.clone())
    }
}

impl Default for CircuitBreakerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for CircuitBreakerLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerLayer")
            .field("breaker", &self.front.core)
            .finish_non_exhaustive()
    }
}
