use std::{fmt, sync::Arc, time::Duration};

use super::{BudgetConfig, ROOM};
use crate::{
    common::{
        atomic::{AtomicU32, AtomicU64, Relaxed},
        clock::{self, Instant},
        stripe::{Stripe, Stripes},
    },
    config::ConfigError,
};

/// A pot of retries that calls fill and retries empty; clones share it.
///
/// Give the same budget to every layer that calls the same service, and they cannot overload it
/// together. Each call puts in a share of a retry, and each second a few; what is not used leaks out
/// with a time constant of 10 s. So in steady traffic the pot holds what the calls of 10 s earn, and
/// however it fluctuates, retries never exceed `ratio` x calls + `floor` x seconds + what it started
/// with, `floor` x 10. (Finagle's and tower's budgets have the same numbers over a window that jumps.)
///
/// A call costs one atomic increment, mostly of a word that no other core uses, and reads no clock. All is counted in whole thousandths of a
/// retry, rounded down.
///
/// ```
/// use tower_keep::{budget::Budget, retry::RetryLayer};
///
/// let budget = Budget::default();
/// let reads = RetryLayer::default().budget(budget.clone());
/// let writes = RetryLayer::default().budget(budget.clone());
/// assert_eq!(budget.balance(), 100.0);
/// ```
#[derive(Clone)]
pub struct Budget(pub(super) Arc<Pot>);

/// Where calls of one service are counted.
#[allow(
    dead_code,
    reason = "the layers that call one service again and again count so"
)]
pub(crate) struct Source(Arc<Stripe<AtomicU64>>);

/// Nothing here guards other memory, so all of it is relaxed.
pub(super) struct Pot {
    /// Calls, ever, in parts: the only thing a call touches.
    calls: Stripes<AtomicU64>,
    /// Calls that the pot was given its share for.
    credited: AtomicU64,
    /// [`Level`], packed; changed by compare-and-swap only.
    level: AtomicU64,
    ratio_millis: AtomicU32,
    floor: AtomicU32,
    start: Instant,
}

impl Budget {
    /// A budget of its own.
    ///
    /// # Errors
    /// If a field is out of range; the error names it.
    pub fn new(config: BudgetConfig) -> Result<Self, ConfigError> {
        config.check(ROOM)?;
        Ok(Self::unchecked(config))
    }

    pub(crate) fn unchecked(config: BudgetConfig) -> Self {
        let budget = Self(Arc::new(Pot {
            calls: Stripes::new(|_| AtomicU64::new(0)),
            credited: AtomicU64::new(0),
            level: AtomicU64::new(
                Level {
                    tick: 0,
                    millis: config.floor * 1000 * LEAK.as_secs() as u32,
                }
                .pack(),
            ),
            ratio_millis: AtomicU32::new(0),
            floor: AtomicU32::new(0),
            start: clock::now(),
        }));
        budget.configure(config);
        budget
    }

    /// The retries that are left.
    #[must_use]
    pub fn balance(&self) -> f64 {
        f64::from(self.0.settle(0).0) / 1000.0
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> BudgetConfig {
        BudgetConfig {
            ratio: f64::from(self.0.ratio_millis.load(Relaxed)) / 1000.0,
            floor: self.0.floor.load(Relaxed),
        }
    }

    /// Changes ratio and floor, for all who share it; what is in the pot stays.
    ///
    /// # Errors
    /// If a field is out of range; nothing is changed then.
    pub fn update(&self, config: BudgetConfig) -> Result<(), ConfigError> {
        config.check(ROOM)?;
        self.reconfigure(config);
        Ok(())
    }

    /// What was earned so far was earned by the old rules.
    pub(crate) fn reconfigure(&self, config: BudgetConfig) {
        self.0.settle(0);
        self.configure(config);
    }

    /// Whether it holds what a new one does, to a retry.
    pub(crate) fn is_fresh(&self) -> bool {
        let new = f64::from(self.config().floor) * LEAK.as_secs_f64();
        (self.balance() - new).abs() < 1.0
    }

    /// Holds again what it held so long ago, as far as that would not have leaked out; false if it is
    /// in use already.
    pub(crate) fn restore(&self, balance: f64, age: Duration) -> bool {
        if !self.is_fresh() || self.calls() > 0 {
            return false;
        }
        let (new, leaks) = (self.balance(), age.as_secs_f64() / LEAK.as_secs_f64());
        let millis = (new + (balance - new) * (-leaks).exp()) * 1000.0;
        let level = Level::unpack(self.0.level.load(Relaxed));
        let millis = millis as u32;
        let level = Level { millis, ..level };
        self.0.level.store(level.pack(), Relaxed);
        true
    }

    fn configure(&self, config: BudgetConfig) {
        self.0
            .ratio_millis
            .store((config.ratio * 1000.0).round() as u32, Relaxed);
        self.0.floor.store(config.floor, Relaxed);
    }

    /// Counts a call, which earns its share.
    #[inline]
    pub fn record_call(&self) {
        self.record(self.0.calls.mine());
    }

    /// A place to count calls in, for a service that makes them one after the other: it need not look
    /// for one at each.
    #[allow(
        dead_code,
        reason = "the layers that call one service again and again count so"
    )]
    pub(crate) fn source(&self) -> Source {
        Source(self.0.calls.next().clone())
    }

    /// Counts a call of a source, which must be one of this budget's.
    #[inline]
    #[allow(
        dead_code,
        reason = "the layers that call one service again and again count so"
    )]
    pub(crate) fn record_call_of(&self, source: &Source) {
        self.record(&source.0);
    }

    #[inline]
    fn record(&self, part: &Stripe<AtomicU64>) {
        let before = part.0.fetch_add(1, Relaxed);
        // Seldom, so that a busy hour is not spread over the quiet one before it.
        if before & CREDIT_MASK == CREDIT_MASK {
            self.0.credit_in_passing();
        }
    }

    /// Takes one retry (or hedge) out, if there is one.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.withdraw_all(1)
    }

    /// Takes several out together, or none of them.
    pub(crate) fn withdraw_all(&self, number: u32) -> bool {
        // What a word cannot hold is not there.
        let millis = number.checked_mul(1000);
        millis.is_some_and(|millis| self.0.settle(millis).1)
    }

    /// How many calls were counted, by all who share it.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::unchecked(BudgetConfig::default())
    }
}

/// Calls are credited when someone looks, and each 1024 calls of a part.
const CREDIT_MASK: u64 = 1023;
/// How long an unused retry lasts, on average.
const LEAK: Duration = Duration::from_secs(10);
/// Time is counted so: coarse enough that rounding down at each look loses nothing that matters, fine
/// enough for a person, and 32 bits of it are two years.
const TICK: Duration = Duration::from_millis(16);

impl Pot {
    /// Never more than there were when it returns: each part only grows.
    fn calls(&self) -> u64 {
        self.calls.iter().map(|part| part.load(Relaxed)).sum()
    }

    #[cold]
    fn credit_in_passing(&self) {
        self.settle(0);
    }

    /// Brings the level up to date and takes `wanted` thousandths, or nothing if it holds less.
    fn settle(&self, wanted: u32) -> (u32, bool) {
        let ticks = clock::now()
            .saturating_duration_since(self.start)
            .as_millis()
            / TICK.as_millis();
        self.settle_at(ticks as u32, wanted)
    }

    pub(super) fn settle_at(&self, now: u32, wanted: u32) -> (u32, bool) {
        let calls = self.calls();
        // Whoever moves the mark from a to b credits the calls from a to b; nobody else does.
        let credited = self.credited.fetch_max(calls, Relaxed);
        let earned = calls.saturating_sub(credited) * u64::from(self.ratio_millis.load(Relaxed));
        let floor = self.floor.load(Relaxed);
        let mut old = self.level.load(Relaxed);
        loop {
            let mut level = Level::unpack(old).at(now, earned, floor);
            let enough = level.millis >= wanted;
            if enough {
                level.millis -= wanted;
            }
            match self
                .level
                .compare_exchange_weak(old, level.pack(), Relaxed, Relaxed)
            {
                Ok(_) => return (level.millis, enough),
                Err(newer) => old = newer,
            }
        }
    }
}

/// What is in the pot, in thousandths of a retry, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    tick: u32,
    millis: u32,
}

impl Level {
    fn pack(self) -> u64 {
        u64::from(self.tick) << 32 | u64::from(self.millis)
    }

    fn unpack(packed: u64) -> Self {
        Self {
            tick: (packed >> 32) as u32,
            millis: packed as u32,
        }
    }

    /// The level at a later moment, with what calls and time put in since then, evenly spread.
    fn at(self, now: u32, earned: u64, floor: u32) -> Self {
        let ticks = now.wrapping_sub(self.tick);
        // Somebody with a later clock was faster.
        let (now, ticks) = if ticks > u32::MAX / 2 {
            (self.tick, 0)
        } else {
            (now, ticks)
        };
        let seconds = f64::from(ticks) * TICK.as_secs_f64();
        let leaks = seconds / LEAK.as_secs_f64();
        // Solves level' = inflow - level / LEAK.
        let remains = f64::from(self.millis) * (-leaks).exp();
        let kept_share = if ticks == 0 {
            1.0
        } else {
            -(-leaks).exp_m1() / leaks
        };
        let inflow = earned as f64 + f64::from(floor) * 1000.0 * seconds;
        Self {
            tick: now,
            // A cast of a float is saturating.
            millis: (remains + inflow * kept_share) as u32,
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("balance", &self.balance())
            .field("config", &self.config())
            .finish_non_exhaustive()
    }
}
