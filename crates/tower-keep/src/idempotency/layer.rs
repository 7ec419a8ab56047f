use std::sync::Arc;

use tower_layer::Layer;

use super::{
    Idempotency, IdempotencyConfig, IdempotencyHandle, MemoryStore, Store, shared::Shared,
};
use crate::{common::macros::naming, config::ConfigError, protocol::Head};

/// Executes each write with a key once; see the [module](super).
///
/// A clone has the same store, and so has every service the layer makes. On HTTP only: a key is a
/// header.
#[derive(Clone, Debug)]
pub struct IdempotencyLayer<St = MemoryStore> {
    shared: Shared,
    store: St,
}

impl IdempotencyLayer {
    /// Keeps answers in a [`MemoryStore`] of 64 MiB.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn from_config(config: IdempotencyConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Shared::new(config)?,
            store: MemoryStore::default(),
        })
    }
}

impl Default for IdempotencyLayer {
    fn default() -> Self {
        Self::from_config(IdempotencyConfig::default()).expect("the defaults are in range")
    }
}

impl<St> IdempotencyLayer<St> {
    /// Keeps answers elsewhere.
    #[must_use]
    pub fn store<To: Store>(self, store: To) -> IdempotencyLayer<To> {
        IdempotencyLayer {
            shared: self.shared,
            store,
        }
    }

    /// Says who may use a key again: the caller's name, a tenant. Requests for which `scope` is `None`
    /// go by their `Authorization` header, as all do without it. Clones made before keep what they have.
    ///
    /// ```
    /// use tower_keep::idempotency::IdempotencyLayer;
    ///
    /// # #[derive(Clone)] struct User { name: String }
    /// // What an authentication layer outside has left.
    /// let layer = IdempotencyLayer::default()
    ///     .scope(|head| head.extensions.get::<User>().map(|user| user.name.clone()));
    /// ```
    #[must_use]
    pub fn scope(
        mut self,
        scope: impl Fn(&Head<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.shared.scope = Some(Arc::new(scope));
        self
    }

    naming!(self => self.shared.live.emitter);

    /// The handle to look at it and steer it.
    #[must_use]
    pub fn handle(&self) -> IdempotencyHandle {
        IdempotencyHandle::new(self.shared.live.clone())
    }
}

impl<S, St: Clone> Layer<S> for IdempotencyLayer<St> {
    type Service = Idempotency<S, St>;

    fn layer(&self, inner: S) -> Self::Service {
        Idempotency::new(inner, self.shared.clone(), self.store.clone())
    }
}
