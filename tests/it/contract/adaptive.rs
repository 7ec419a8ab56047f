use tower_keep::adaptive::{AdaptiveConfig, AdaptiveLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

fn limited(limit: usize) -> AdaptiveLayer {
    let config = AdaptiveConfig {
        initial_limit: limit,
        min_limit: limit,
        max_limit: limit,
        ..AdaptiveConfig::server()
    };
    AdaptiveLayer::from_config(config).unwrap()
}

fn at_rest<P>(layer: &AdaptiveLayer<P>) {
    let now = layer.handle().snapshot();
    assert_eq!((now.in_flight, now.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(|| limited(1), |layer: &AdaptiveLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || limited(1).plain(),
        |layer: &AdaptiveLayer<_>| at_rest(layer),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn looking_at_the_head_costs_no_more() {
    let make_layer = || {
        let config = AdaptiveConfig {
            partitions: [("contract".to_owned(), 50)].into(),
            ..AdaptiveConfig::server()
        };
        AdaptiveLayer::from_config(config)
            .unwrap()
            .partition_by(|head| head.uri.path().strip_prefix('/'))
            .exempt(|head| head.uri.path() == "/livez")
    };
    contract::http(make_layer, |layer: &AdaptiveLayer| at_rest(layer)).await;
}

#[tokio::test]
async fn is_one_limit_however_axum_applies_it() {
    let outcomes = axum_matrix::run(
        Load::AtOnce(10),
        || limited(2),
        async |_| http::Response::new(axum::body::Body::empty()),
    )
    .await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.peak, 2, "{outcome:?}");
    }
}
