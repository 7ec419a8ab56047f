//! Ten callers, three places: `cargo run --example bulkhead`.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadLayer},
    rejection::Rejection,
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    // Two calls at once, and one more may wait for up to 100 ms.
    let config = BulkheadConfig {
        max_queue: 1,
        ..BulkheadConfig::new(2)
    };
    let bulkhead = BulkheadLayer::from_config(config)?.named("reports");
    let handle = bulkhead.handle();

    let app = Router::new()
        .route(
            "/report",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                "a report"
            }),
        )
        .layer(bulkhead);

    let calls = (1..=10).map(|n| {
        let app = app.clone();
        async move { (n, call(app).await) }
    });
    for (n, answer) in join_all(calls).await {
        println!("call {n}: {}", answer?);
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}

async fn call(app: Router) -> Result<String, tower_keep::BoxError> {
    let response = app
        .oneshot(Request::get("/report").body(Body::empty())?)
        .await?;
    let answer = match Rejection::of(&response) {
        None => response.status().to_string(),
        Some(rejection) => format!("{} ({rejection})", response.status()),
    };
    // The call holds its place until its body has been read or dropped.
    response.into_body().collect().await?;
    Ok(answer)
}
