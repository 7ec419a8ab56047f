use tower_keep::health::HealthLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(
        || HealthLayer::new("contract", "1.0.0"),
        |layer: &HealthLayer| assert_eq!(layer.handle().snapshot().in_flight, 0),
    )
    .await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = HealthLayer::default();
        let handle = layer.handle();
        let counts_itself = move |_| {
            let in_flight = handle.snapshot().in_flight;
            async move { http::StatusCode::from_u16(200 + in_flight as u16).unwrap() }
        };
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer, counts_itself).await;
        assert_eq!(
            outcome.statuses,
            [http::StatusCode::CREATED; CALLS],
            "{case}"
        );
    }
}
