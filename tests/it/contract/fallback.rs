use http::Response;
use tower_keep::fallback::{Causes, FallbackLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

fn layer() -> FallbackLayer {
    FallbackLayer::new().when(Causes::ANY, |_| Response::new("fallback"))
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(layer, |_: &FallbackLayer| {}).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || {
            FallbackLayer::new()
                .plain()
                .when(Causes::ANY, |_, outcome| outcome)
        },
        |_: &FallbackLayer<_, _>| {},
    )
    .await;
}

#[tokio::test]
async fn answers_however_axum_applies_it() {
    let fails = async |_| http::StatusCode::INTERNAL_SERVER_ERROR;
    let outcomes = axum_matrix::run(Load::OneByOne(super::CALLS), layer, fails).await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.hits, super::CALLS, "{outcome:?}");
    }
}
