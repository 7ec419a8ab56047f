use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::LAYER;
use crate::{
    common::clock::{self, Instant},
    config::{Check, ConfigError},
};

/// How many retries the calls may cause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// Retries for each call, in steps of a thousandth. Default 0.2: a service that is down sees at
    /// most a fifth more than its usual load. Up to 1000.
    pub ratio: f64,
    /// Retries a second that are always allowed, for services with few calls. Default 10.
    pub floor: u32,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            ratio: 0.2,
            floor: 10,
        }
    }
}

impl BudgetConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let check = Check(LAYER);
        check.that((0.0..=1000.0).contains(&self.ratio), "budget.ratio", || {
            format!(
                "is {}: give retries per call, from 0.0 to 1000.0",
                self.ratio
            )
        })?;
        check.that(self.floor <= 10_000, "budget.floor", || {
            format!("is {}: give at most 10000 retries a second", self.floor)
        })
    }
}

/// A pot of retries that calls fill and retries empty; clones share it.
///
/// Give the same budget to every layer that calls the same service, and they cannot overload it
/// together. Each call puts in a share of a retry, and each second a few; what is not used leaks out
/// with a time constant of 10 s. So in steady traffic the pot holds what the calls of 10 s earn, and
/// however it fluctuates, retries never exceed `ratio` x calls + `floor` x seconds + what it started
/// with, `floor` x 10. (Finagle's and tower's budgets have the same numbers over a window that jumps.)
///
/// A call costs one atomic increment and reads no clock. All is counted in whole thousandths of a
/// retry, rounded down.
///
/// ```
/// use tower_keep::retry::{Budget, RetryLayer};
///
/// let budget = Budget::default();
/// let reads = RetryLayer::default().budget(budget.clone());
/// let writes = RetryLayer::default().budget(budget.clone());
/// assert_eq!(budget.balance(), 100.0);
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Pot>);

/// Nothing here guards other memory, so all of it is relaxed.
struct Pot {
    /// Calls, ever. Its own cache line's worth of traffic: the only thing a call touches.
    calls: AtomicU64,
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
        config.check()?;
        Ok(Self::unchecked(config))
    }

    fn unchecked(config: BudgetConfig) -> Self {
        let budget = Self(Arc::new(Pot {
            calls: AtomicU64::new(0),
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
        config.check()?;
        self.0.settle(0);
        self.configure(config);
        Ok(())
    }

    pub(super) fn configure(&self, config: BudgetConfig) {
        self.0
            .ratio_millis
            .store((config.ratio * 1000.0).round() as u32, Relaxed);
        self.0.floor.store(config.floor, Relaxed);
    }

    /// Counts a call, which earns its share.
    #[inline]
    pub fn record_call(&self) {
        let before = self.0.calls.fetch_add(1, Relaxed);
        // Seldom, so that a busy hour is not spread over the quiet one before it.
        if before & CREDIT_MASK == CREDIT_MASK {
            self.0.credit_in_passing();
        }
    }

    /// Takes one retry (or hedge) out, if there is one.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.0.settle(1000).1
    }

    /// How many calls were counted, by all who share it.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Relaxed)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::unchecked(BudgetConfig::default())
    }
}

/// Calls are credited when someone looks, and each 1024 calls.
const CREDIT_MASK: u64 = 1023;
/// How long an unused retry lasts, on average.
const LEAK: Duration = Duration::from_secs(10);
/// Time is counted so: coarse enough that rounding down at each look loses nothing that matters, fine
/// enough for a person, and 32 bits of it are two years.
const TICK: Duration = Duration::from_millis(16);

impl Pot {
    #[cold]
    fn credit_in_passing(&self) {
        self.settle(0);
    }

    /// Brings the level up to date and takes `wanted` thousandths, or nothing if it holds less.
    fn settle(&self, wanted: u32) -> (u32, bool) {
        let calls = self.calls.load(Relaxed);
        // Whoever moves the mark from a to b credits the calls from a to b; nobody else does.
        let credited = self.credited.fetch_max(calls, Relaxed);
        let earned = calls.saturating_sub(credited) * u64::from(self.ratio_millis.load(Relaxed));
        let floor = self.floor.load(Relaxed);
        let ticks = clock::now()
            .saturating_duration_since(self.start)
            .as_millis()
            / TICK.as_millis();
        let now = ticks as u32;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(ratio: f64, floor: u32) -> Budget {
        Budget::new(BudgetConfig { ratio, floor }).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_earn_their_ratio_and_no_more() {
        for (ratio, calls, retries) in [
            (0.6, 1000, 600),
            (0.3, 1000, 300),
            (0.07, 1000, 70),
            (0.2, 4, 0),
        ] {
            let budget = budget(ratio, 0);
            for _ in 0..calls {
                budget.record_call();
            }
            let made = (0..10_000).filter(|_| budget.withdraw()).count();
            assert_eq!(made, retries, "ratio {ratio}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_floor_comes_back_with_time_and_what_is_unused_leaks_out() {
        let budget = budget(1.0, 10);
        let drain = || (0..100_000).filter(|_| budget.withdraw()).count();
        assert_eq!(drain(), 100, "the start");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!((8..=10).contains(&drain()), "a second of the floor");
        for _ in 0..10_000 {
            budget.record_call();
        }
        assert!((10_000.0..10_001.0).contains(&budget.balance()));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(
            (3_600.0..3_800.0).contains(&budget.balance()),
            "1/e of it, and the floor"
        );
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!((99.0..=100.0).contains(&budget.balance()));
    }

    #[tokio::test(start_paused = true)]
    async fn looking_often_costs_nothing() {
        let budget = budget(0.0, 1);
        while budget.withdraw() {}
        for _ in 0..60_000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            let _ = budget.balance();
        }
        assert!(budget.balance() > 9.0, "{}", budget.balance());
    }

    proptest! {
        #[test]
        fn retries_never_exceed_ratio_and_reserve(
            ratio in 0.001..1000.0_f64,
            floor in 0..50_u32,
            steps in proptest::collection::vec((0..200_u64, 0..500_usize, 0..3_000_u64), 1..50),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                let budget = budget(ratio, floor);
                let (mut calls, mut retries, mut millis) = (0, 0, 0);
                for (new_calls, wanted, advance) in steps {
                    for _ in 0..new_calls {
                        budget.record_call();
                    }
                    calls += new_calls;
                    retries += (0..wanted).filter(|_| budget.withdraw()).count();
                    tokio::time::advance(Duration::from_millis(advance)).await;
                    millis += advance;
                    let ratio = budget.config().ratio;
                    let most = ratio * calls as f64 + f64::from(floor) * (10.0 + millis as f64 / 1000.0);
                    prop_assert!(retries as f64 <= most + 1e-6, "{retries} of {most}");
                }
                Ok(())
            })?;
        }
    }

    #[test]
    fn many_threads_take_out_what_was_put_in() {
        let budget = budget(0.5, 0);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..5_000)
                            .filter(|_| {
                                budget.record_call();
                                budget.withdraw()
                            })
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        let left = (0..100_000).filter(|_| budget.withdraw()).count();
        assert!(
            (9_900..=10_000).contains(&(taken + left)),
            "{taken} + {left}"
        );
    }
}
