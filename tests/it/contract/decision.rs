use tower_keep::decision::DecisionLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::Contract,
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    // The record, and the map and the box that it lies in in the response.
    Contract::new(DecisionLayer::new, |_: &DecisionLayer| {})
        .allowing_allocations(4)
        .http()
        .await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = DecisionLayer::new();
        let answers = async |_| http::StatusCode::OK;
        axum_matrix::run_case(case, Load::OneByOne(CALLS), layer.clone(), answers).await;
        assert_eq!(layer.handle().snapshot().recorded, CALLS as u64, "{case}");
    }
}
