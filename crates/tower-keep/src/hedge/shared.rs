use std::{fmt, sync::Arc, time::Duration};

use super::{HedgeConfig, LAYER, pace::Pace};
use crate::{
    budget::Budget,
    common::{
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Relaxed},
        clock::Instant,
        sync::{self, RwLock},
    },
    config::ConfigError,
    observe::{Emitter, EventKind},
    protocol::Head,
    replay::{Skip, is_idempotent},
};

/// What a layer, its clones, services and handles have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) budget: Budget,
    /// Whether our calls fill the budget, or somebody outside counts them already.
    pub(super) fills: bool,
    pub(super) rule: Option<Arc<Rule>>,
    pub(super) live: Arc<Live>,
}

pub(super) type Rule = dyn Fn(&Head<'_>) -> bool + Send + Sync;

/// What changes while calls run. The numbers are read one by one and guard no memory: relaxed.
pub(super) struct Live {
    pub(super) emitter: Emitter,
    pub(super) pace: Pace,
    /// Copies of what every call asks for, so that none of them takes the lock.
    hedges: AtomicU32,
    max_replay_bytes: AtomicUsize,
    config: RwLock<HedgeConfig>,
    made: AtomicU64,
    won: AtomicU64,
    cancelled: AtomicU64,
    skipped: [AtomicU64; Skip::ALL.len()],
}

/// What was counted since the start.
pub(super) struct Counts {
    pub(super) made: u64,
    pub(super) won: u64,
    pub(super) cancelled: u64,
}

impl Shared {
    pub(super) fn new(config: HedgeConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            budget: Budget::new(config.budget)?,
            fills: true,
            rule: None,
            live: Arc::new(Live {
                emitter: Emitter::new(LAYER),
                pace: Pace::new(config.delay),
                hedges: AtomicU32::new(config.hedges()),
                max_replay_bytes: AtomicUsize::new(config.max_replay_bytes),
                config: RwLock::new(config),
                made: AtomicU64::new(0),
                won: AtomicU64::new(0),
                cancelled: AtomicU64::new(0),
                skipped: Default::default(),
            }),
        })
    }

    /// How many hedges a call may cause.
    #[inline]
    pub(super) fn hedges(&self) -> u32 {
        self.live.hedges.load(Relaxed)
    }

    #[inline]
    pub(super) fn max_replay_bytes(&self) -> usize {
        self.live.max_replay_bytes.load(Relaxed)
    }

    /// Whether a request may be sent twice, as far as its head tells.
    #[inline]
    pub(super) fn is_eligible(&self, head: &Head<'_>) -> bool {
        match &self.rule {
            Some(rule) => rule(head),
            None => is_idempotent(head.method, head.headers, head.extensions),
        }
    }

    /// How long a call waits that begins to wait now.
    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        let config = || sync::read(&self.live.config).delay;
        self.live.pace.delay(now, config)
    }

    pub(super) fn config(&self) -> HedgeConfig {
        HedgeConfig {
            budget: self.budget.config(),
            ..*sync::read(&self.live.config)
        }
    }

    pub(super) fn update(&self, config: HedgeConfig) -> Result<(), ConfigError> {
        config.check()?;
        // Held until the copies are written: of two updates at once one is in force, and all of it.
        let mut current = sync::write(&self.live.config);
        let old = HedgeConfig {
            budget: self.budget.config(),
            ..*current
        };
        self.budget.update(config.budget)?;
        self.live.hedges.store(config.hedges(), Relaxed);
        self.live
            .max_replay_bytes
            .store(config.max_replay_bytes, Relaxed);
        if old.delay != config.delay {
            self.live.pace.configure(config.delay);
        }
        *current = config;
        drop(current);
        self.live.emitter.updated(&old, &config);
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            made: self.live.made.load(Relaxed),
            won: self.live.won.load(Relaxed),
            cancelled: self.live.cancelled.load(Relaxed),
        }
    }

    pub(super) fn skipped(&self, why: Skip) -> u64 {
        self.live.skipped[why as usize].load(Relaxed)
    }

    pub(super) fn started(&self, attempt: u32, after: Duration) {
        self.live.made.fetch_add(1, Relaxed);
        self.live
            .emitter
            .emit(EventKind::AttemptScheduled { attempt, after });
    }

    pub(super) fn skip(&self, why: Skip) {
        self.live.skipped[why as usize].fetch_add(1, Relaxed);
        self.live.emitter.emit(EventKind::AttemptSkipped {
            reason: why.as_str(),
        });
    }

    /// Of several attempts this one answered, and so many others were given up.
    pub(super) fn ended(&self, attempt: u32, is_hedge: bool, cancelled: usize) {
        self.live.won.fetch_add(u64::from(is_hedge), Relaxed);
        self.live.cancelled.fetch_add(cancelled as u64, Relaxed);
        self.live.emitter.emit(EventKind::AttemptWon { attempt });
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
