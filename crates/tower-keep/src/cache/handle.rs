use std::sync::Arc;

use http::Request;
use serde::Serialize;

use super::{CacheConfig, shared::Shared};
use crate::{
    config::{ConfigError, steerable},
    observe::{Condition, Subscription, Vitals, Watch},
    protocol::Head,
};

/// Looks at what is kept and steers it, from anywhere.
#[derive(Clone, Debug)]
pub struct CacheHandle {
    shared: Arc<Shared>,
}

/// A cache at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheSnapshot {
    /// How many entries there are, with those that say what others depend on.
    pub entries: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many calls were answered with a fresh entry since the start.
    pub hits: u64,
    /// How many with a stale one.
    pub stale: u64,
    /// How many with one that the service said is still good.
    pub revalidated: u64,
    /// How many reads went to the service and were answered by it.
    pub misses: u64,
}

impl CacheHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The cache right now.
    #[must_use]
    pub fn snapshot(&self) -> CacheSnapshot {
        self.shared.counts()
    }

    /// Takes away all that is kept for requests like this one, and keeps what is on its way from being
    /// kept: the same host (in its target or in `Host`) and the same target, whatever other fields say.
    /// Says whether there was anything.
    pub fn invalidate<B>(&self, request: &Request<B>) -> bool {
        let key = self.shared.key(&Head::of(request));
        key.is_some_and(|key| self.shared.store.invalidate(&key))
    }

    /// Takes everything away.
    pub fn clear(&self) {
        self.shared.store.clear();
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> CacheConfig {
        self.shared.config()
    }

    /// Changes the configuration while calls run. What is kept stays as long as it fits; another mode
    /// clears it.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: CacheConfig) -> Result<(), ConfigError> {
        self.shared.update(config)
    }

    /// Hears what happens from now on, through a channel for `capacity` events.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[must_use]
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.shared.emitter.subscribe(capacity)
    }
}

impl Watch for CacheHandle {
    fn vitals(&self) -> Vitals {
        let now = self.snapshot();
        let summary = format!(
            "{} entries of {} bytes, {} hits, {} misses",
            now.entries, now.bytes, now.hits, now.misses
        );
        Vitals::new(&self.shared.emitter, Condition::Normal, summary)
    }
}

steerable!(CacheHandle, CacheConfig, |handle| &handle.shared.emitter);
