use http::StatusCode;
use tower_keep::strangler::{StranglerConfig, StranglerLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::{self, Http},
};
use tower_layer::Layer;

use super::CALLS;

/// The contract's services have types of their own, so the old one is under test and the new one is
/// another of the same.
macro_rules! check {
    ($check:ident $(, $rest:expr)?) => {{
        contract::$check(Http, &tower_layer::layer_fn(|inner| {
            StranglerLayer::new(Clone::clone(&inner)).layer(inner)
        }) $(, $rest)?)
        .await;
    }};
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    check!(readiness, || {});
    check!(cancellation, || {});
    check!(panics, || {});
    check!(wakeups);
    check!(not_send);
    check!(allocations, 0);
}

#[tokio::test]
async fn is_one_strangler_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let new = axum::Router::new().fallback(|| async { StatusCode::ACCEPTED });
        let config = StranglerConfig::percent(100.0);
        let layer = StranglerLayer::from_config(new, config).unwrap();
        let old = async |_| StatusCode::OK;
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer.clone(), old).await;
        assert_eq!(outcome.statuses, [StatusCode::ACCEPTED; CALLS], "{case}");
        assert_eq!(layer.handle().snapshot().new, CALLS as u64, "{case}");
    }
}
