use tower_keep::{
    bulkhead::BulkheadLayer,
    keyed::{Key, KeyedLayer},
    protocol::Http,
};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

type Tenants = KeyedLayer<BulkheadLayer<Http>, Key>;

/// The contract's calls have a path and nothing else.
fn layer() -> Tenants {
    BulkheadLayer::new(1).keyed(Key::path())
}

fn at_rest(layer: &Tenants) {
    let handle = layer.handle();
    for key in handle.keys() {
        let now = handle.get(&key).unwrap().snapshot();
        assert_eq!((now.running, now.waiting), (0, 0), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(layer, at_rest).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || {
            let layer = BulkheadLayer::new(1).plain();
            layer.keyed(Key::by_request(|n: &u64| (*n > 0).then_some("some".into())))
        },
        |_| {},
    )
    .await;
}

#[tokio::test]
async fn is_one_bulkhead_for_each_key_however_axum_applies_it() {
    let outcomes = axum_matrix::run(
        Load::AtOnce(CALLS),
        || BulkheadLayer::new(2).keyed(Key::by(|_| Some("all".into()))),
        async |_| http::Response::new(axum::body::Body::empty()),
    )
    .await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.peak, 2, "{outcome:?}");
    }
}
