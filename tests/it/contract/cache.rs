//! Its calls in the contract have bodies, so all of them pass by; what is kept has tests of its own.

use tower_keep::cache::CacheLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(CacheLayer::new, |layer: &CacheLayer| {
        assert_eq!(layer.handle().snapshot().entries, 0);
    })
    .await;
}

#[tokio::test]
async fn is_one_cache_however_axum_applies_it() {
    let make_layer = || CacheLayer::new().key(|_| Some(*b"all"));
    let handler = async |_| ([("cache-control", "max-age=60")], "kept");
    let outcomes = axum_matrix::run(Load::OneByOne(CALLS), make_layer, handler).await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.hits, 1, "{outcome:?}");
        assert_eq!(outcome.answered(http::StatusCode::OK), CALLS);
    }
}
