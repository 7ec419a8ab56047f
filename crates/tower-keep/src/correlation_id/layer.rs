use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{CorrelationIdConfig, CorrelationIdHandle, CorrelationIdService, settings::Settings};
use crate::{config::ConfigError, context::CorrelationId, observe::Observer, protocol::Head};

/// Gives each request of a server an id and a place in a trace; see the [module](super).
///
/// A clone shares its settings and counts, and so does every service the layer makes. Where it is
/// applied twice, the inner one keeps what the outer one decided.
#[derive(Clone)]
pub struct CorrelationIdLayer {
    settings: Arc<Settings>,
    generator: Option<Arc<Generator>>,
}

/// Makes ids in place of the usual ones.
pub(super) type Generator = dyn Fn(&Head<'_>) -> Option<CorrelationId> + Send + Sync;

impl CorrelationIdLayer {
    /// Takes well-formed ids from `x-correlation-id`, and the caller's trace.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(CorrelationIdConfig::default()).expect("the defaults are valid")
    }

    /// For a service that strangers call: every request gets a new id and a new trace.
    #[must_use]
    pub fn edge() -> Self {
        Self::from_config(CorrelationIdConfig::edge()).expect("the preset is valid")
    }

    /// With a configuration.
    ///
    /// # Errors
    /// If the name of a header is not one; the error names the field.
    pub fn from_config(config: CorrelationIdConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Arc::new(Settings::new(&config)?),
            generator: None,
        })
    }

    /// Makes ids with `generator` where a request brings none that is kept.
    ///
    /// It may decline by answering `None`; the id is a UUID of version 7 then. Services that the layer
    /// has made already are not changed.
    #[must_use]
    pub fn generate<F>(mut self, generator: F) -> Self
    where
        F: Fn(&Head<'_>) -> Option<CorrelationId> + Send + Sync + 'static,
    {
        self.generator = Some(Arc::new(generator));
        self
    }

    /// Names it in events and vitals, for all clones.
    #[must_use]
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.settings.emitter.rename(name);
        self
    }

    /// Tells `observer` what happens to the layer.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.settings.emitter.observe(observer);
        self
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> CorrelationIdHandle {
        CorrelationIdHandle::new(self.settings.clone())
    }
}

impl Default for CorrelationIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CorrelationIdLayer {
    type Service = CorrelationIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CorrelationIdService::new(inner, self.settings.clone(), self.generator.clone())
    }
}

impl fmt::Debug for CorrelationIdLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorrelationIdLayer")
            .field("settings", &self.settings)
            .field("generator", &self.generator.is_some())
            .finish()
    }
}
