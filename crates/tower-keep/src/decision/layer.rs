use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{DecisionConfig, DecisionHandle, DecisionService, shared::Shared};
use crate::{config::ConfigError, observe::Observer, protocol::Head};

/// Writes down what the layers inside do with each call; see the [module](super).
///
/// A clone is the same layer, and so is every service it makes.
#[derive(Clone)]
pub struct DecisionLayer {
    shared: Arc<Shared>,
    trusted: Option<Arc<Trusted>>,
}

/// Whether the caller of a request may see what we do.
pub(super) type Trusted = dyn Fn(&Head<'_>) -> bool + Send + Sync;

impl DecisionLayer {
    /// Records every call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a configuration.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: DecisionConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Shared::new(config)?,
            trusted: None,
        })
    }

    /// Has the decision in a `Server-Timing` header of responses to callers whom `trusted` trusts.
    ///
    /// It names your layers and says how they are doing, which strangers need not know. Without this
    /// nobody gets it. What is in there is what was known when the head of the response went out.
    #[must_use]
    pub fn server_timing<F>(mut self, trusted: F) -> Self
    where
        F: Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    {
        self.trusted = Some(Arc::new(trusted));
        self
    }

    /// Names it in events, for all clones.
    #[must_use]
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.shared.emitter.rename(name);
        self
    }

    /// Tells `observer` of each call that is over.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.shared.emitter.observe(observer);
        self
    }

    /// Whether nothing is recorded, for now.
    #[must_use]
    #[inline]
    pub fn is_off(&self) -> bool {
        self.shared.is_off()
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> DecisionHandle {
        DecisionHandle::new(self.shared.clone())
    }
}

impl Default for DecisionLayer {
    fn default() -> Self {
        Self::from_config(DecisionConfig::default()).expect("the defaults are in range")
    }
}

impl<S> Layer<S> for DecisionLayer {
    type Service = DecisionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DecisionService::new(inner, self.shared.clone(), self.trusted.clone())
    }
}

impl fmt::Debug for DecisionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionLayer")
            .field("shared", &self.shared)
            .field("server_timing", &self.trusted.is_some())
            .finish()
    }
}
