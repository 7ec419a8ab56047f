use tower_keep::{
    budget::BudgetConfig,
    hedge::{HedgeConfig, HedgeLayer},
};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::{self, Contract},
};

#[tokio::test(start_paused = true)]
async fn on_http() {
    // The copy of the head that a hedge would need: http's maps, and what is kept of the body.
    Contract::new(HedgeLayer::default, |_: &HedgeLayer| {})
        .allowing_allocations(3)
        .http()
        .await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(|| HedgeLayer::default().plain(), |_: &HedgeLayer<_, _>| {}).await;
}

#[tokio::test]
async fn is_one_budget_however_axum_applies_it() {
    let make_layer = || {
        HedgeLayer::from_config(HedgeConfig {
            budget: BudgetConfig {
                ratio: 0.6,
                floor: 0,
            },
            ..HedgeConfig::on_failure()
        })
        .unwrap()
    };
    let fails = async |_| http::StatusCode::INTERNAL_SERVER_ERROR;
    let outcomes = axum_matrix::run(Load::OneByOne(20), make_layer, fails).await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        // One call alone earns no hedge. What is unused leaks out, so it may be one less.
        assert!((31..=32).contains(&outcome.hits), "{outcome:?}");
    }
}
