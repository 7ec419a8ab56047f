use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use http::StatusCode;
use tower_keep::idempotency::{IdempotencyKeyLayer, IdempotencyLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract::{self, Contract},
};

use super::CALLS;

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(IdempotencyLayer::default, |_: &IdempotencyLayer| {}).await;
}

#[tokio::test(start_paused = true)]
async fn on_a_client() {
    Contract::new(IdempotencyKeyLayer::new, |_: &IdempotencyKeyLayer| {})
        .http()
        .await;
}

#[tokio::test]
async fn is_one_store_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let executed = Arc::new(AtomicUsize::new(0));
        let count = executed.clone();
        let places = move |_| {
            count.fetch_add(1, SeqCst);
            async { StatusCode::CREATED }
        };
        let layer = tower::ServiceBuilder::new()
            .map_request(|mut request: http::Request<_>| {
                // The matrix asks by GET.
                *request.method_mut() = http::Method::POST;
                *request.uri_mut() = http::Uri::from_static("/orders");
                let key = http::HeaderValue::from_static("one-and-the-same");
                request.headers_mut().insert("idempotency-key", key);
                request
            })
            .layer(IdempotencyLayer::default())
            .into_inner();
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer, places).await;
        assert_eq!(outcome.statuses, [StatusCode::CREATED; CALLS], "{case}");
        assert_eq!(executed.load(SeqCst), 1, "{case}");
    }
}
