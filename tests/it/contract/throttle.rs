use http::StatusCode;
use tower_keep::throttle::{ThrottleConfig, ThrottleLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

fn at_rest<P>(layer: &ThrottleLayer<P>) {
    assert_eq!(layer.handle().snapshot().held_back, 0);
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(ThrottleLayer::new, |layer: &ThrottleLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || ThrottleLayer::new().plain(),
        |layer: &ThrottleLayer<_>| at_rest(layer),
    )
    .await;
}

#[tokio::test]
async fn is_one_window_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = ThrottleLayer::from_config(ThrottleConfig::default()).unwrap();
        let answers = async |_| StatusCode::OK;
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer.clone(), answers).await;
        let now = layer.handle().snapshot();
        let calls = outcome.statuses.len() as u64;
        assert_eq!((now.requests, now.accepts), (calls, calls), "{case}");
    }
}
