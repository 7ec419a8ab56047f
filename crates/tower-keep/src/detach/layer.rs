use std::sync::Arc;

use tower_layer::Layer;

use super::{Detach, DetachConfig, DetachHandle, shared::Shared};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    protocol::{Head, Http},
};

/// Finishes calls whose callers have gone; see the [module](super).
///
/// A clone counts to the same bound, and so does every service the layer makes.
#[derive(Clone, Debug)]
pub struct DetachLayer<P = Http> {
    shared: Shared,
    protocol: P,
}

impl DetachLayer {
    /// At most so many calls go on at once.
    ///
    /// # Panics
    /// If `max_detached` is 0.
    #[must_use]
    pub fn new(max_detached: usize) -> Self {
        Self::from_config(DetachConfig::new(max_detached))
            .expect("the caller gives at least 1 and the defaults are in range")
    }

    /// As configured.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: DetachConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            shared: Shared::new(config),
            protocol: Http::new(),
        })
    }
}

impl Default for DetachLayer {
    fn default() -> Self {
        Self::from_config(DetachConfig::default()).expect("the defaults are in range")
    }
}

impl<P> DetachLayer<P> {
    /// Which calls go on. Without a rule those whose method is not safe: a read that nobody waits for
    /// is not worth finishing. Services that are not HTTP have no head to ask about: all of their calls
    /// go on. Clones made before keep the rule they have.
    #[must_use]
    pub fn only(mut self, rule: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.shared.only = Some(Arc::new(rule));
        self
    }

    naming!(self => self.shared.live.emitter);

    /// The handle to look at it, steer it, and wait for what goes on.
    #[must_use]
    pub fn handle(&self) -> DetachHandle {
        DetachHandle::new(self.shared.live.clone())
    }
}

protocol_conversions!(DetachLayer { shared });

impl<S, P: Clone> Layer<S> for DetachLayer<P> {
    type Service = Detach<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Detach::new(inner, self.shared.clone(), self.protocol.clone())
    }
}
