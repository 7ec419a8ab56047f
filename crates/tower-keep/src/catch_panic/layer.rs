use std::sync::Arc;

use tower_layer::Layer;

use super::{CatchPanic, CatchPanicConfig, CatchPanicHandle, shared::Shared};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    protocol::Http,
};

/// Answers for a service that panics; see the [module](super).
#[derive(Clone, Debug)]
pub struct CatchPanicLayer<P = Http> {
    shared: Arc<Shared>,
    protocol: P,
}

impl CatchPanicLayer {
    /// Catches panics.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a configuration, for one that can be switched on later.
    ///
    /// # Errors
    /// Never: every configuration works.
    pub fn from_config(config: CatchPanicConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Shared::new(config),
            protocol: Http::new(),
        })
    }
}

impl Default for CatchPanicLayer {
    fn default() -> Self {
        Self::from_config(CatchPanicConfig::default()).expect("every configuration works")
    }
}

impl<P> CatchPanicLayer<P> {
    naming!(self => self.shared.emitter);

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> CatchPanicHandle {
        CatchPanicHandle::new(self.shared.clone())
    }
}

protocol_conversions!(CatchPanicLayer { shared });

impl<S, P: Clone> Layer<S> for CatchPanicLayer<P> {
    type Service = CatchPanic<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic::new(inner, self.shared.clone(), self.protocol.clone())
    }
}
