use std::sync::Arc;

use tower_layer::Layer;

use super::{LAYER, Throttle, ThrottleConfig, ThrottleHandle, core::Core};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    keyed::{Keyable, keyed_by},
    observe::{Emitter, EventKind},
    protocol::Http,
};

/// Holds calls back while the service turns them away; see the [module](super).
///
/// A clone shares its window, and so does every service the layer makes.
#[derive(Clone, Debug)]
pub struct ThrottleLayer<P = Http> {
    pub(super) core: Arc<Core>,
    protocol: P,
}

impl ThrottleLayer {
    /// The book's formula over half a minute.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(ThrottleConfig::default()).expect("the defaults are valid")
    }

    /// With a configuration.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: ThrottleConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            core: Core::new(config, Emitter::new(LAYER)),
            protocol: Http::new(),
        })
    }
}

impl<P> ThrottleLayer<P> {
    naming!(self => self.core.emitter);

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> ThrottleHandle {
        ThrottleHandle::new(self.core.clone())
    }
}

keyed_by!(ThrottleLayer<P>);

impl<P: Clone> Keyable for ThrottleLayer<P> {
    type Config = ThrottleConfig;
    type Handle = ThrottleHandle;

    fn fork(&self, key: &str, config: ThrottleConfig) -> Self {
        Self {
            core: Core::new(config, self.core.emitter.for_key(key)),
            protocol: self.protocol.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        // Every call that runs shares it, and so does every handle.
        let (requests, ..) = self.core.look();
        Arc::strong_count(&self.core) == 1 && requests == 0
    }

    fn steering(&self) -> ThrottleHandle {
        self.handle()
    }

    fn configuration(&self) -> ThrottleConfig {
        self.core.config()
    }

    fn check(&self, config: &ThrottleConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn configure(&self, config: ThrottleConfig) {
        self.core.configure(config);
    }

    fn tell(&self, kind: EventKind) {
        self.core.emitter.emit(kind);
    }
}

impl Default for ThrottleLayer {
    fn default() -> Self {
        Self::new()
    }
}

protocol_conversions!(ThrottleLayer { core });

impl<S, P: Clone> Layer<S> for ThrottleLayer<P> {
    type Service = Throttle<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Throttle::new(inner, self.core.clone(), self.protocol.clone())
    }
}
