use tower_keep::load_shed::{LoadShedConfig, LoadShedLayer, Tenant};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

fn layer() -> LoadShedLayer {
    LoadShedLayer::new(1)
}

fn at_rest<P>(layer: &LoadShedLayer<P>) {
    let now = layer.handle().snapshot();
    assert_eq!((now.running, now.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(layer, |layer: &LoadShedLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_http_with_all_it_can_ask() {
    let asking = || {
        LoadShedLayer::new(1)
            .tenant(|head| Some(Tenant::of(head.uri.path())))
            .pressure(|| 0.5)
    };
    contract::http(asking, |layer: &LoadShedLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || layer().plain(),
        |layer: &LoadShedLayer<_>| at_rest(layer),
    )
    .await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    let config = LoadShedConfig {
        max_queue: 0,
        ..LoadShedConfig::new(2)
    };
    let outcomes = axum_matrix::run(
        Load::AtOnce(10),
        || LoadShedLayer::from_config(config.clone()).unwrap(),
        async |_| http::Response::new(axum::body::Body::empty()),
    )
    .await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.peak, 2, "{outcome:?}");
    }
}
