use std::time::Duration;

use tower_keep::{
    backoff::Backoff,
    retry::{BudgetConfig, RetryConfig, RetryLayer},
};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::{self, Contract},
};

#[tokio::test(start_paused = true)]
async fn on_http() {
    // The copy of the head that a retry would need: http's maps, and what is kept of the body.
    Contract::new(RetryLayer::default, |_: &RetryLayer| {})
        .allowing_allocations(3)
        .http()
        .await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(|| RetryLayer::default().plain(), |_: &RetryLayer<_, _>| {}).await;
}

#[tokio::test]
async fn is_one_budget_however_axum_applies_it() {
    let make_layer = || {
        let config = RetryConfig {
            max_attempts: 2,
            backoff: Backoff {
                base: Duration::from_nanos(1),
                ..Backoff::default()
            },
            budget: BudgetConfig {
                ratio: 0.6,
                floor: 0,
            },
            ..RetryConfig::default()
        };
        RetryLayer::from_config(config).unwrap()
    };
    let fails = async |_| http::StatusCode::INTERNAL_SERVER_ERROR;
    let outcomes = axum_matrix::run(Load::OneByOne(20), make_layer, fails).await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        // One call alone earns no retry. What is unused leaks out, so it may be one less.
        assert!((31..=32).contains(&outcome.hits), "{outcome:?}");
    }
}
