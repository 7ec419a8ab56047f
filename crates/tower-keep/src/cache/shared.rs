use std::{fmt, sync::Arc};

use http::HeaderValue;

use super::{CacheConfig, CacheSnapshot, KeyRule, LAYER, store::Store};
use crate::{
    common::{
        atomic::{AtomicBool, AtomicU64, Relaxed},
        sync::{self, RwLock},
        target,
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
    protocol::Head,
};

/// What a layer, its clones, services and handles have in common. The counts guard no memory: relaxed.
pub(super) struct Shared {
    pub(super) emitter: Emitter,
    pub(super) store: Store,
    /// A copy of what every call asks for.
    enabled: AtomicBool,
    config: RwLock<CacheConfig>,
    rule: RwLock<Option<Arc<KeyRule>>>,
    hits: AtomicU64,
    stale: AtomicU64,
    revalidated: AtomicU64,
    misses: AtomicU64,
}

/// Why an answer was given from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    Fresh,
    Stale,
    Revalidated,
}

impl Shared {
    pub(super) fn new(config: CacheConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            emitter: Emitter::new(LAYER),
            store: Store::new(config.max_bytes, config.max_body),
            enabled: AtomicBool::new(config.enabled),
            config: RwLock::new(config),
            rule: RwLock::new(None),
            hits: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            revalidated: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    #[inline]
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    pub(super) fn config(&self) -> CacheConfig {
        *sync::read(&self.config)
    }

    pub(super) fn update(&self, config: CacheConfig) -> Result<(), ConfigError> {
        config.check()?;
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.config);
        self.enabled.store(config.enabled, Relaxed);
        self.store.resize(config.max_bytes);
        let old = std::mem::replace(&mut *current, config);
        drop(current);
        if old.mode != config.mode {
            // What was kept for one user is not for all of them.
            self.store.clear();
        }
        self.emitter.updated(&old, &config);
        Ok(())
    }

    pub(super) fn set_rule(&self, rule: Arc<KeyRule>) {
        *sync::write(&self.rule) = Some(rule);
    }

    /// The key of a `GET` of the same target.
    pub(super) fn key(&self, head: &Head<'_>) -> Option<Vec<u8>> {
        // Out of the lock: it is somebody else's code.
        let rule = sync::read(&self.rule).clone();
        match rule {
            Some(rule) => rule(head),
            None => Some(target::key(&http::Method::GET, head, &[])),
        }
    }

    pub(super) fn count_hit(&self, hit: Hit) {
        let (count, from) = match hit {
            Hit::Fresh => (&self.hits, "fresh"),
            Hit::Stale => (&self.stale, "stale"),
            Hit::Revalidated => (&self.revalidated, "revalidated"),
        };
        count.fetch_add(1, Relaxed);
        self.emitter.emit(EventKind::AnswerReused { from });
    }

    pub(super) fn count_miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    /// `Cache-Status` with these parameters.
    pub(super) fn cache_status(&self, parameters: fmt::Arguments<'_>) -> Option<HeaderValue> {
        let name = self.emitter.name();
        let name = name.as_str();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(is_token);
        let name = if is_name { name } else { "tower-keep" };
        HeaderValue::try_from(format!("{name}; {parameters}")).ok()
    }

    pub(super) fn counts(&self) -> CacheSnapshot {
        CacheSnapshot {
            entries: self.store.entries(),
            bytes: self.store.bytes(),
            hits: self.hits.load(Relaxed),
            stale: self.stale.load(Relaxed),
            revalidated: self.revalidated.load(Relaxed),
            misses: self.misses.load(Relaxed),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("store", &self.store)
            .field("emitter", &self.emitter)
            .finish_non_exhaustive()
    }
}
