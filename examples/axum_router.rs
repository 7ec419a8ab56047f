//! Layers on an axum router, with no `HandleErrorLayer`: `cargo run --example axum_router`.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::Request;
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError, bulkhead::BulkheadLayer, catch_panic::CatchPanicLayer,
    correlation_id::CorrelationIdLayer, rejection::Rejection, timeout::TimeoutLayer,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let bulkhead = BulkheadLayer::new(2).named("orders");
    let handle = bulkhead.handle();
    let app = Router::new()
        .route("/orders", get(orders))
        .route("/stuck", get(std::future::pending::<()>))
        // Axum applies this to each route; the two places are shared by all of them.
        .layer(
            ServiceBuilder::new()
                .layer(CorrelationIdLayer::new())
                .layer(TimeoutLayer::new(Duration::from_millis(300)))
                .layer(bulkhead)
                .layer(CatchPanicLayer::default()),
        );

    let calls = ["/orders", "/stuck", "/orders"].map(|path| call(&app, path));
    for answer in join_all(calls).await {
        println!("{}", answer?);
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}

async fn orders() -> &'static str {
    tokio::time::sleep(Duration::from_millis(50)).await;
    "two orders"
}

async fn call(app: &Router, path: &str) -> Result<String, BoxError> {
    let answer = app
        .clone()
        .oneshot(Request::get(path).body(Body::empty())?)
        .await?;
    let status = answer.status();
    // The refusals of ours are told apart from what a handler says.
    let ours = Rejection::of(&answer).map(|rejection| rejection.layer());
    let text = answer.into_body().collect().await?.to_bytes();
    Ok(format!("{path}: {status} by {ours:?}\n  {text:?}"))
}
