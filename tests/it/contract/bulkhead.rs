use tower_keep::bulkhead::BulkheadLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

fn layer() -> BulkheadLayer {
    BulkheadLayer::new(1)
}

fn at_rest<P>(layer: &BulkheadLayer<P>) {
    let now = layer.handle().snapshot();
    assert_eq!((now.running, now.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(layer, |layer: &BulkheadLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || layer().plain(),
        |layer: &BulkheadLayer<_>| at_rest(layer),
    )
    .await;
}

#[tokio::test]
async fn is_one_bulkhead_however_axum_applies_it() {
    let outcomes = axum_matrix::run(
        Load::AtOnce(10),
        || BulkheadLayer::new(2),
        async |_| http::Response::new(axum::body::Body::empty()),
    )
    .await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.peak, 2, "{outcome:?}");
    }
}
