use std::sync::Arc;

use tower_layer::Layer;

use super::{Bulkhead, BulkheadConfig, BulkheadHandle, LAYER, permits::Permits};
use crate::{
    common::macros::{naming, protocol_conversions},
    config::ConfigError,
    keyed::{Keyable, keyed_by},
    observe::{Emitter, EventKind},
    protocol::Http,
};

/// Lets at most so many calls in at once; see the [module](super).
///
/// A clone is the same bulkhead, and so is every service the layer makes.
#[derive(Clone, Debug)]
pub struct BulkheadLayer<P = Http> {
    permits: Arc<Permits>,
    protocol: P,
}

impl BulkheadLayer {
    /// So many calls at once; what does not fit is refused.
    ///
    /// 0 refuses everything.
    ///
    /// # Panics
    /// If `max_concurrent` is above `u32::MAX`.
    #[must_use]
    pub fn new(max_concurrent: usize) -> Self {
        Self::from_config(BulkheadConfig::new(max_concurrent))
            .expect("the defaults are in range and the caller keeps `max_concurrent` in range")
    }

    /// A bulkhead with a queue, for one.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: BulkheadConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let permits = Permits::new(&config, Emitter::new(LAYER));
        Ok(Self {
            permits,
            protocol: Http::new(),
        })
    }
}

impl<P> BulkheadLayer<P> {
    naming!(self => self.permits.emitter);

    /// Whether every call is let through and none counted, for now.
    #[must_use]
    #[inline]
    pub fn is_off(&self) -> bool {
        !self.permits.rule().is_enabled()
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> BulkheadHandle {
        BulkheadHandle::new(self.permits.clone())
    }
}

protocol_conversions!(BulkheadLayer { permits });
keyed_by!(BulkheadLayer<P>);

impl<P: Clone> Keyable for BulkheadLayer<P> {
    type Config = BulkheadConfig;
    type Handle = BulkheadHandle;

    fn fork(&self, key: &str, config: BulkheadConfig) -> Self {
        let emitter = self.permits.emitter.for_key(key);
        Self {
            permits: Permits::new(&config, emitter),
            protocol: self.protocol.clone(),
        }
    }

    fn is_idle(&self) -> bool {
        // Every call that waits shares it, and so does every handle; a call that runs has a place.
        Arc::strong_count(&self.permits) == 1 && self.permits.counts().running == 0
    }

    fn steering(&self) -> BulkheadHandle {
        self.handle()
    }

    fn configuration(&self) -> BulkheadConfig {
        self.permits.config()
    }

    fn check(&self, config: &BulkheadConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn configure(&self, config: BulkheadConfig) {
        self.permits.configure(&config);
    }

    fn tell(&self, kind: EventKind) {
        self.permits.emitter.emit(kind);
    }
}

impl<S, P: Clone> Layer<S> for BulkheadLayer<P> {
    type Service = Bulkhead<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Bulkhead::new(inner, self.permits.clone(), self.protocol.clone())
    }
}
