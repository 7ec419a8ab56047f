use tower_keep::timeout::{QueueInCallLayer, RequestBodyTimeoutLayer, TimeoutLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::{self, Contract},
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(TimeoutLayer::default, |_: &TimeoutLayer| {}).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(|| TimeoutLayer::default().plain(), |_: &TimeoutLayer<_>| {}).await;
}

#[tokio::test(start_paused = true)]
async fn on_the_body_of_a_request() {
    let layer = || RequestBodyTimeoutLayer::new(std::time::Duration::from_secs(30));
    // Where the body of a request and the answer to it meet.
    Contract::new(layer, |_: &RequestBodyTimeoutLayer| {})
        .allowing_allocations(1)
        .http()
        .await;
}

#[tokio::test(start_paused = true)]
async fn on_a_queue() {
    contract::http(QueueInCallLayer::new, |_: &QueueInCallLayer| {}).await;
    contract::plain(QueueInCallLayer::new, |_: &QueueInCallLayer| {}).await;
}

#[tokio::test]
async fn is_one_layer_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = TimeoutLayer::new(std::time::Duration::from_millis(1));
        let hangs = async |_| std::future::pending::<http::StatusCode>().await;
        axum_matrix::run_case(case, Load::OneByOne(CALLS), layer.clone(), hangs).await;
        let seen = layer.handle().snapshot().exceeded_head;
        assert_eq!(seen, CALLS as u64, "{case}");
    }
}
