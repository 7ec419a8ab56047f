use tower_keep::correlation_id::{CorrelationIdLayer, PropagateLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::Contract,
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    // Header and extension maps allocate: the one layer that cannot do without.
    Contract::new(CorrelationIdLayer::new, |_: &CorrelationIdLayer| {})
        .allowing_allocations(7)
        .http()
        .await;
}

#[tokio::test(start_paused = true)]
async fn on_a_client() {
    Contract::new(PropagateLayer::new, |_: &PropagateLayer| {})
        .allowing_allocations(7)
        .http()
        .await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = CorrelationIdLayer::new();
        let answers = async |_| http::StatusCode::OK;
        axum_matrix::run_case(case, Load::OneByOne(CALLS), layer.clone(), answers).await;
        assert_eq!(layer.handle().snapshot().created, CALLS as u64, "{case}");
    }
}
