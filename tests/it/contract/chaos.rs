use http::StatusCode;
use tower_keep::chaos::{ChaosConfig, ChaosLayer, Fault};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

fn at_rest<P>(layer: &ChaosLayer<P>) {
    assert_eq!(layer.handle().snapshot().active, 0);
}

/// Lets every call through, and could do otherwise.
fn mild() -> ChaosLayer {
    ChaosLayer::from_config(ChaosConfig::new(0.0, Fault::Error)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(mild, |layer: &ChaosLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(|| mild().plain(), |layer: &ChaosLayer<_>| at_rest(layer)).await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let config = ChaosConfig {
            seed: Some(3),
            ..ChaosConfig::new(0.5, Fault::Status(503))
        };
        let layer = ChaosLayer::from_config(config).unwrap();
        let answers = async |_| StatusCode::OK;
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer.clone(), answers).await;
        // One sequence of choices for all connections and routes, not the same first one for each.
        let expected = [503, 503, 200, 200, 503, 503];
        let statuses: Vec<_> = outcome.statuses.iter().map(StatusCode::as_u16).collect();
        assert_eq!(statuses, expected, "{case}");
    }
}
