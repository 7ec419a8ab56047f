use super::{Budget, BudgetConfig};
use crate::common::modelling::{join, model, spawn};

/// Empty, and each call earns a whole retry.
fn budget() -> Budget {
    let config = BudgetConfig {
        ratio: 1.0,
        floor: 0,
    };
    Budget::new(config).expect("it is valid")
}

/// At the one moment that all of a model is.
fn withdraw(budget: &Budget) -> u32 {
    u32::from(budget.0.settle_at(0, 1000).1)
}

#[test]
fn what_calls_earn_is_paid_once_whoever_looks() {
    model(|| {
        let budget = budget();
        let call = |budget: &Budget| {
            budget.record_call();
            withdraw(budget)
        };
        let other = spawn({
            let budget = budget.clone();
            move || call(&budget)
        });
        let one = call(&budget);
        let taken = one + join(other);
        assert!(taken <= 2, "{taken} of two");
        let left = withdraw(&budget) + withdraw(&budget) + withdraw(&budget);
        assert_eq!(taken + left, 2, "one that looked too early is not lost");
    });
}

#[test]
fn the_last_retry_has_one_taker() {
    model(|| {
        let budget = budget();
        budget.record_call();
        let other = spawn({
            let budget = budget.clone();
            move || withdraw(&budget)
        });
        let one = withdraw(&budget);
        assert_eq!(one + join(other), 1);
    });
}
