use std::{
    fmt,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    Budget, LAYER, RetryConfig, Skip,
    state::{self, Failed},
};
use crate::{
    classify::Verdict,
    common::{clock, sync},
    config::ConfigError,
    context,
    observe::{Emitter, EventKind},
};

/// What a layer, its clones, services and handles have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) budget: Budget,
    pub(super) rule: Option<Arc<Rule>>,
    pub(super) live: Arc<Live>,
}

pub(super) type Rule = dyn Fn(&Failed) -> bool + Send + Sync;

/// What changes while calls run. The numbers are read one by one and guard no memory: relaxed.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    /// Copies of what every call asks for, so that only failures take the lock.
    max_attempts: AtomicU32,
    max_replay_bytes: AtomicUsize,
    config: RwLock<RetryConfig>,
    retries: AtomicU64,
    skipped: [AtomicU64; Skip::ALL.len()],
}

impl Shared {
    pub(super) fn new(config: RetryConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            budget: Budget::new(config.budget)?,
            rule: None,
            live: Arc::new(Live {
                emitter: Emitter::new(LAYER),
                max_attempts: AtomicU32::new(config.max_attempts),
                max_replay_bytes: AtomicUsize::new(config.max_replay_bytes),
                config: RwLock::new(config),
                retries: AtomicU64::new(0),
                skipped: Default::default(),
            }),
        })
    }

    #[inline]
    pub(super) fn max_attempts(&self) -> u32 {
        self.live.max_attempts.load(Relaxed)
    }

    #[inline]
    pub(super) fn max_replay_bytes(&self) -> usize {
        self.live.max_replay_bytes.load(Relaxed)
    }

    pub(super) fn config(&self) -> RetryConfig {
        RetryConfig {
            budget: self.budget.config(),
            ..*sync::read(&self.live.config)
        }
    }

    pub(super) fn update(&self, config: RetryConfig) -> Result<(), ConfigError> {
        config.check()?;
        self.budget.update(config.budget)?;
        self.live.max_attempts.store(config.max_attempts, Relaxed);
        self.live
            .max_replay_bytes
            .store(config.max_replay_bytes, Relaxed);
        *sync::write(&self.live.config) = config;
        self.live.emitter.emit(EventKind::ConfigUpdated);
        Ok(())
    }

    pub(super) fn retries(&self) -> u64 {
        self.live.retries.load(Relaxed)
    }

    pub(super) fn skipped(&self, why: Skip) -> u64 {
        self.live.skipped[why as usize].load(Relaxed)
    }

    /// Whether a failed attempt may be made again at all.
    pub(super) fn allows(&self, failed: &Failed) -> bool {
        match &self.rule {
            Some(rule) => rule(failed),
            None => failed.may_retry(),
        }
    }

    /// How long to wait before the next attempt, or why there is none. Pays for it, so the body is
    /// asked to `rewind` before that.
    pub(super) fn schedule(
        &self,
        verdict: &Verdict,
        attempt: u32,
        max_attempts: u32,
        rewind: impl FnOnce() -> Result<(), Skip>,
    ) -> Result<Duration, Skip> {
        let config = self.config();
        let wait = state::wait(
            &config,
            verdict.retry_after,
            attempt,
            max_attempts,
            fastrand::f64(),
        )?;
        if let Some(deadline) = context::deadline() {
            state::before(deadline, clock::now(), wait)?;
        }
        rewind()?;
        if self.budget.withdraw() {
            Ok(wait)
        } else {
            Err(Skip::Budget)
        }
    }

    pub(super) fn scheduled(&self, attempt: u32, after: Duration) {
        self.live.retries.fetch_add(1, Relaxed);
        self.live
            .emitter
            .emit(EventKind::AttemptScheduled { attempt, after });
    }

    pub(super) fn skip(&self, why: Skip) {
        self.live.skipped[why as usize].fetch_add(1, Relaxed);
        self.live.emitter.emit(EventKind::RetrySkipped {
            reason: why.as_str(),
        });
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config())
            .field("budget", &self.budget)
            .field("custom_rule", &self.rule.is_some())
            .field("emitter", &self.live.emitter)
            .finish_non_exhaustive()
    }
}
