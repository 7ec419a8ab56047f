use std::{fmt, sync::Arc};

use http::Method;

use super::{IdempotencyConfig, LAYER, id};
use crate::{
    common::{
        atomic::{AtomicU64, Relaxed},
        sync::{self, RwLock},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
    protocol::Head,
    rejection::{Kind, Rejection},
};

pub(super) type Scope = dyn Fn(&Head<'_>) -> Option<String> + Send + Sync;

/// What a layer, its clones, services and handles have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) live: Arc<Live>,
    pub(super) scope: Option<Arc<Scope>>,
}

/// What changes while calls run. The numbers guard no memory: relaxed. The lock is taken by requests
/// with a key, and those that should have one.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    config: RwLock<Arc<IdempotencyConfig>>,
    executed: AtomicU64,
    replayed: AtomicU64,
    refused: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: IdempotencyConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            live: Arc::new(Live {
                emitter: Emitter::new(LAYER),
                config: RwLock::new(Arc::new(config)),
                executed: AtomicU64::new(0),
                replayed: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            }),
            scope: None,
        })
    }

    /// The key that this request is to be known by, and the configuration it goes by.
    pub(super) fn key<'a>(
        &self,
        head: &Head<'a>,
    ) -> Result<Option<(&'a str, Arc<IdempotencyConfig>)>, Rejection> {
        if !matches!(*head.method, Method::POST | Method::PATCH) {
            return Ok(None);
        }
        let config = self.live.config();
        if !config.enabled {
            return Ok(None);
        }
        let problem = match id::key(head.headers) {
            Ok(Some(key)) => return Ok(Some((key, config))),
            Ok(None) if !config.required => return Ok(None),
            Ok(None) => {
                "is missing: send one of your choice, and the same when you repeat the request"
            }
            Err(problem) => problem,
        };
        Err(self.live.refuse(Kind::IdempotencyKey { problem }))
    }
}

impl Live {
    pub(super) fn config(&self) -> Arc<IdempotencyConfig> {
        sync::read(&self.config).clone()
    }

    pub(super) fn configure(&self, config: IdempotencyConfig) {
        *sync::write(&self.config) = Arc::new(config);
    }

    pub(super) fn refuse(&self, kind: Kind) -> Rejection {
        self.refused.fetch_add(1, Relaxed);
        self.emitter.refuse(kind)
    }

    pub(super) fn executes(&self) {
        self.executed.fetch_add(1, Relaxed);
    }

    pub(super) fn replays(&self) {
        self.replayed.fetch_add(1, Relaxed);
        self.emitter
            .emit(EventKind::AnswerReused { from: "stored" });
    }

    pub(super) fn counts(&self) -> [u64; 3] {
        [&self.executed, &self.replayed, &self.refused].map(|count| count.load(Relaxed))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.live.config())
            .field("emitter", &self.live.emitter)
            .finish_non_exhaustive()
    }
}
