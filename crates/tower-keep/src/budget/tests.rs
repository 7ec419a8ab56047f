use std::time::Duration;

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
async fn several_are_taken_out_together_or_not_at_all() {
    let budget = budget(1.0, 0);
    (0..3).for_each(|_| budget.record_call());
    assert!(!budget.withdraw_all(4));
    assert!(budget.withdraw_all(2), "nothing was lost on the way");
    assert!(!budget.withdraw_all(2));
    assert!(budget.withdraw());
    assert!(budget.withdraw_all(0));
    assert!(!budget.withdraw_all(u32::MAX));
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

/// What happens to a budget.
#[derive(Clone, Copy, Debug)]
enum Step {
    Calls(u64),
    Withdraw(u32),
    Pass(u64),
}

/// A pot that is looked at each tick, without a word, a mark or anything rounded.
struct Reference {
    config: BudgetConfig,
    level: f64,
    /// Calls that were not credited yet, and the ticks since that was last done.
    calls: u64,
    ticks: u64,
}

impl Reference {
    /// Credits what came since the last time, evenly spread.
    fn look(&mut self) {
        const TICK: f64 = 0.016;
        let earned = self.config.ratio * self.calls as f64;
        if self.ticks == 0 {
            self.level += earned;
        }
        let inflow = earned / self.ticks as f64 + f64::from(self.config.floor) * TICK;
        for _ in 0..self.ticks {
            // In steps so small that the order of leaking and filling does not matter.
            for _ in 0..16 {
                self.level += inflow / 16.0 - self.level * TICK / 10.0 / 16.0;
            }
        }
        (self.calls, self.ticks) = (0, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Against a pot that leaks and fills bit by bit.
    #[test]
    fn it_holds_what_a_leaking_pot_does(
        ratio in 0..2_000_u32,
        floor in 0..50_u32,
        steps in proptest::collection::vec(
            prop_oneof![
                3 => (0..200_u64).prop_map(Step::Calls),
                2 => (1..20_u32).prop_map(Step::Withdraw),
                2 => (0..2_000_u64).prop_map(Step::Pass),
            ],
            1..1_500,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let config = BudgetConfig { ratio: f64::from(ratio) / 1000.0, floor };
            let budget = Budget::new(config).unwrap();
            let level = f64::from(floor) * 10.0;
            let mut reference = Reference { config, level, calls: 0, ticks: 0 };
            // What rounding down at each look may have taken away.
            let mut slack = 0.001;
            let (mut millis, mut unlooked) = (0_u64, 0);
            for step in steps {
                match step {
                    Step::Calls(calls) => {
                        // No more than pass between two looks in passing.
                        let calls = calls.min(1_000 - unlooked);
                        unlooked += calls;
                        (0..calls).for_each(|_| budget.record_call());
                        reference.calls += calls;
                    }
                    Step::Pass(time) => {
                        tokio::time::advance(Duration::from_millis(time)).await;
                        reference.ticks += (millis + time) / 16 - millis / 16;
                        millis += time;
                    }
                    Step::Withdraw(number) => {
                        reference.look();
                        slack += 0.002;
                        let enough = reference.level - f64::from(number);
                        let tolerance = slack + reference.level * 0.002;
                        let taken = budget.withdraw_all(number);
                        if taken {
                            prop_assert!(enough >= -tolerance, "took {number} of {}", reference.level);
                            reference.level -= f64::from(number);
                        } else {
                            prop_assert!(enough < tolerance, "no {number} of {}", reference.level);
                        }
                        // Looks in passing would spread what was earned otherwise.
                        if unlooked >= 1_000 {
                            break;
                        }
                        let (held, level) = (budget.balance(), reference.level);
                        slack += 0.002;
                        prop_assert!((held - level).abs() <= slack + level * 0.002, "{held} and {level}");
                    }
                }
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

#[tokio::test(start_paused = true)]
async fn a_configuration_is_checked_taken_over_and_told() {
    let budget = budget(0.25, 3);
    let told = |ratio, floor| BudgetConfig { ratio, floor };
    assert_eq!(budget.config(), told(0.25, 3));
    for wrong in [told(-0.1, 0), told(1000.1, 0), told(0.1, 10_001)] {
        assert!(budget.update(wrong).is_err(), "{wrong:?}");
        assert!(Budget::new(wrong).is_err(), "{wrong:?}");
    }
    (0..4).for_each(|_| budget.record_call());
    budget.update(told(0.5, 10_000)).unwrap();
    assert_eq!(budget.config(), told(0.5, 10_000));
    // What calls earned before, they earned by the old ratio.
    assert_eq!(budget.balance(), 31.0);
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_wherever_they_come_from() {
    let budget = budget(1.0, 0);
    budget.record_call();
    let source = budget.source();
    budget.record_call_of(&source);
    assert_eq!((budget.calls(), budget.balance()), (2, 2.0));
}

#[tokio::test(start_paused = true)]
async fn what_a_busy_moment_earned_is_not_spread_over_the_quiet_time_after_it() {
    let budget = budget(1.0, 0);
    (0..1024).for_each(|_| budget.record_call());
    tokio::time::advance(Duration::from_secs(10)).await;
    let left = 1024.0 / std::f64::consts::E;
    assert!(
        (budget.balance() - left).abs() < 1.0,
        "{}",
        budget.balance()
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_fresh_until_a_retry_is_gone_or_won() {
    let budget = budget(0.5, 10);
    assert!(budget.is_fresh());
    budget.record_call();
    assert!(budget.is_fresh(), "to a retry");
    budget.record_call();
    assert!(!budget.is_fresh());
    assert!(budget.withdraw() && budget.is_fresh());
    assert!(budget.withdraw() && !budget.is_fresh());
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_restored_holds_what_would_not_have_leaked_out() {
    let age = Duration::from_secs(10);
    let fresh = budget(0.2, 10);
    assert!(fresh.restore(20.0, age));
    let holds = 100.0 - 80.0 / std::f64::consts::E;
    assert!(
        (fresh.balance() - holds).abs() < 0.01,
        "{}",
        fresh.balance()
    );

    let called = budget(0.2, 10);
    called.record_call();
    assert!(!called.restore(20.0, age));
    let spent = budget(0.2, 10);
    assert!(spent.withdraw());
    assert!(!spent.restore(20.0, age));
    assert_eq!(spent.balance(), 99.0);
}

#[test]
fn a_clock_that_is_behind_takes_nothing_away_and_one_far_ahead_leaves_nothing() {
    let budget = budget(1.0, 0);
    (0..5).for_each(|_| budget.record_call());
    let (held, _) = budget.0.settle_at(100, 0);
    assert!((4_000..5_000).contains(&held));
    assert_eq!(budget.0.settle_at(90, 0), (held, true));
    assert_eq!(budget.0.settle_at(100 + u32::MAX / 2, 0), (0, true));
}
