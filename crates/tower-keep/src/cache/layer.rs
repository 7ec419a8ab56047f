use std::sync::Arc;

use tower_layer::Layer;

use super::{Cache, CacheConfig, CacheHandle, shared::Shared};
use crate::{config::ConfigError, observe::Observer, protocol::Head};

/// Says which requests have the same answer, but for what `Vary` names: those with equal keys. `None`:
/// not to be kept.
pub type KeyRule = dyn Fn(&Head<'_>) -> Option<Vec<u8>> + Send + Sync;

/// Gives answers again that are still good; see the [module](super).
///
/// A clone is the same cache, and so is that of every service it makes: they must be the same service,
/// or their requests differ by key.
#[derive(Clone, Debug)]
pub struct CacheLayer {
    shared: Arc<Shared>,
}

impl CacheLayer {
    /// A shared cache of 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(CacheConfig::default()).expect("the defaults are in range")
    }

    /// As configured.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: CacheConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared::new(config)?),
        })
    }

    /// Says which requests have the same answer, for all clones. Without a rule: those with the same
    /// host and target. It is asked about reads, and about calls that change something for what they
    /// take away, so it must not look at the method.
    #[must_use]
    pub fn key<K: Into<Vec<u8>>>(
        self,
        rule: impl Fn(&Head<'_>) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        self.shared
            .set_rule(Arc::new(move |head: &Head<'_>| rule(head).map(Into::into)));
        self
    }

    /// Names it in events, metrics, vitals and `Cache-Status`, for all clones.
    #[must_use]
    pub fn named(self, name: impl AsRef<str>) -> Self {
        self.shared.emitter.rename(name);
        self
    }

    /// Tells `observer` what happens.
    #[must_use]
    pub fn observe(self, observer: impl Observer + 'static) -> Self {
        self.shared.emitter.observe(observer);
        self
    }

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> CacheHandle {
        CacheHandle::new(self.shared.clone())
    }
}

impl Default for CacheLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cache<S>;

    fn layer(&self, inner: S) -> Cache<S> {
        Cache::new(inner, self.shared.clone())
    }
}
