use std::{fmt, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{Keyable, Keyed, KeyedHandle, keys::Keys};
use crate::config::ConfigError;

/// A layer with a state for each key; see the [module](super).
///
/// A clone is the same layer, with the same keys, and so is every service it makes.
pub struct KeyedLayer<L: Keyable, K> {
    keys: Arc<Keys<L>>,
    key: K,
}

impl<L: Keyable, K> KeyedLayer<L, K> {
    /// A state for each `key`, made from `layer`, which serves the shared key itself.
    #[must_use]
    pub fn new(layer: L, key: K) -> Self {
        Self {
            keys: Keys::new(layer),
            key,
        }
    }

    /// How many keys there is room for, for all clones. Default 10 000: more than anybody has hosts,
    /// routes or tenants at once, and no more than 20 MB of breakers. 0: all calls share one key.
    ///
    /// Keys that are there already stay.
    #[must_use]
    pub fn max_keys(self, max: usize) -> Self {
        self.keys.set_max_keys(max);
        self
    }

    /// How long after its last call a key goes, at least, even if it has something to remember; if
    /// the place is needed. Default 10 min: longer than a breaker is ever open by default.
    #[must_use]
    pub fn forget_after(self, time: Duration) -> Self {
        self.keys.set_forget_after(time);
        self
    }

    /// Gives one key a configuration of its own: the tenant who pays for more.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn with_key(self, key: &str, config: L::Config) -> Result<Self, ConfigError> {
        self.keys.configure_key(key, Some(config))?;
        Ok(self)
    }

    /// The handle to look at all keys and steer them.
    #[must_use]
    pub fn handle(&self) -> KeyedHandle<L> {
        KeyedHandle::new(self.keys.clone())
    }
}

impl<S, L, K> Layer<S> for KeyedLayer<L, K>
where
    L: Keyable + Layer<S>,
    K: Clone,
{
    type Service = Keyed<S, L, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Keyed::new(inner, self.keys.clone(), self.key.clone())
    }
}

impl<L: Keyable, K: Clone> Clone for KeyedLayer<L, K> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            key: self.key.clone(),
        }
    }
}

impl<L: Keyable, K: fmt::Debug> fmt::Debug for KeyedLayer<L, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedLayer")
            .field("key", &self.key)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}
