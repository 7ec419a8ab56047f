use std::{fmt, sync::Arc, time::Duration};

use super::{
    Budget, LAYER, RetriedUpstream, RetryConfig, Skip,
    state::{self, Failed},
};
use crate::{
    classify::Verdict,
    common::{
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Relaxed},
        clock,
        sync::{self, RwLock},
    },
    config::ConfigError,
    context,
    observe::{Emitter, EventKind, Fact},
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
        Ok(Self::unchecked(config, None, Emitter::new(LAYER)))
    }

    /// A fresh one for a key, with a budget of its own.
    pub(super) fn fork(&self, key: &str, config: RetryConfig) -> Self {
        let emitter = self.live.emitter.for_key(key);
        Self::unchecked(config, self.rule.clone(), emitter)
    }

    fn unchecked(config: RetryConfig, rule: Option<Arc<Rule>>, emitter: Emitter) -> Self {
        Self {
            budget: Budget::unchecked(config.budget),
            rule,
            live: Arc::new(Live {
                emitter,
                max_attempts: AtomicU32::new(config.attempts()),
                max_replay_bytes: AtomicUsize::new(config.max_replay_bytes),
                config: RwLock::new(config),
                retries: AtomicU64::new(0),
                skipped: Default::default(),
            }),
        }
    }

    /// None at all if the layer is switched off.
    #[inline]
    pub(super) fn max_attempts(&self) -> u32 {
        self.live.max_attempts.load(Relaxed)
    }

    #[inline]
    pub(super) fn max_replay_bytes(&self) -> usize {
        self.live.max_replay_bytes.load(Relaxed)
    }

    /// Whether what is a retry already is sent once.
    pub(super) fn leaves_retries_alone(&self) -> bool {
        sync::read(&self.live.config).retried_upstream == RetriedUpstream::Stop
    }

    pub(super) fn config(&self) -> RetryConfig {
        RetryConfig {
            budget: self.budget.config(),
            ..*sync::read(&self.live.config)
        }
    }

    pub(super) fn update(&self, config: RetryConfig) -> Result<(), ConfigError> {
        config.check()?;
        let old = self.configure(config);
        self.live.emitter.updated(&old, &config);
        Ok(())
    }

    /// Takes over a checked configuration, in the place of the one that it answers.
    pub(super) fn configure(&self, config: RetryConfig) -> RetryConfig {
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.live.config);
        let budget = self.budget.config();
        self.budget.reconfigure(config.budget);
        self.live.max_attempts.store(config.attempts(), Relaxed);
        self.live
            .max_replay_bytes
            .store(config.max_replay_bytes, Relaxed);
        let old = std::mem::replace(&mut *current, config);
        RetryConfig { budget, ..old }
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
        let price = if context::inbound_attempt() > 1 {
            let price = config.retried_upstream.price();
            price.ok_or(Skip::RetriedUpstream)?
        } else {
            1
        };
        rewind()?;
        if self.budget.withdraw_all(price) {
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
        self.note_budget();
    }

    pub(super) fn skip(&self, why: Skip) {
        self.live.skipped[why as usize].fetch_add(1, Relaxed);
        self.live.emitter.emit(EventKind::AttemptSkipped {
            reason: why.as_str(),
        });
        self.note_budget();
    }

    /// Writes down what the budget has left, where the call is recorded.
    #[inline]
    pub(super) fn note_budget(&self) {
        self.live.emitter.note(|| {
            let left = self.budget.balance();
            Some(Fact::Budget { left })
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
