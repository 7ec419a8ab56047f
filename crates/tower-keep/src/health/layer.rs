use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{Check, Health, HealthConfig, HealthHandle, Importance, Lifecycle, registry::Registry};
use crate::{
    config::ConfigError,
    observe::{Observer, Watch},
};

/// Answers probes, runs checks and counts calls.
///
/// A clone is the same layer: the checks run once and the lifecycle is one, so it may stand on
/// several ports. See the [module](super) for an example.
#[derive(Clone)]
pub struct HealthLayer {
    pub(super) registry: Arc<Registry>,
}

impl HealthLayer {
    /// A service of this name and version (`env!("CARGO_PKG_VERSION")`), with the defaults.
    #[must_use]
    pub fn new(service: impl Into<String>, version: impl Into<String>) -> Self {
        let service = service.into();
        Self::unchecked(HealthConfig::service(service.clone(), version)).named(service)
    }

    /// What the configuration says.
    ///
    /// # Errors
    /// If it cannot work: a path that is none or taken, a time or threshold of zero, a drain delay
    /// that is not shorter than the deadline.
    pub fn from_config(config: HealthConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let name = config.service_id.clone();
        let layer = Self::unchecked(config);
        Ok(match name {
            Some(name) => layer.named(name),
            None => layer,
        })
    }

    fn unchecked(config: HealthConfig) -> Self {
        Self {
            registry: Arc::new(Registry::new(config)),
        }
    }

    /// Adds a check without which this process is not ready. See [`Check`] for what it may be.
    ///
    /// Not for other services: an outage of theirs would become yours.
    #[must_use]
    pub fn critical(self, name: impl Into<String>, check: impl Check) -> Self {
        self.registry.add(name.into(), Importance::Critical, check);
        self
    }

    /// Adds a check that is shown and changes nothing.
    #[must_use]
    pub fn informational(self, name: impl Into<String>, check: impl Check) -> Self {
        self.registry
            .add(name.into(), Importance::Informational, check);
        self
    }

    /// Shows the vitals of another layer, by its handle; anything but normal is a `warn`.
    ///
    /// It is asked when `/health` is.
    #[must_use]
    pub fn watch(self, handle: impl Watch + 'static) -> Self {
        self.registry.watch(handle);
        self
    }

    /// Names it in events, metrics and vitals. The service's name unless told otherwise.
    #[must_use]
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.registry.emitter.rename(name);
        self
    }

    /// Has `observer` hear what happens here.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.registry.emitter.observe(observer);
        self
    }

    /// Looks at it and steers it.
    #[must_use]
    pub fn handle(&self) -> HealthHandle {
        HealthHandle::new(self.registry.clone())
    }

    /// The lifecycle of this process.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.registry.lifecycle.clone()
    }
}

impl Default for HealthLayer {
    /// A service without a name, with the defaults.
    fn default() -> Self {
        Self::unchecked(HealthConfig::default())
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = Health<S>;

    fn layer(&self, inner: S) -> Health<S> {
        Health::new(inner, self.registry.clone())
    }
}

impl fmt::Debug for HealthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthLayer")
            .field("name", &self.registry.emitter.name())
            .field("lifecycle", &self.registry.lifecycle)
            .finish_non_exhaustive()
    }
}
