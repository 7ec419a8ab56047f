//! Layers around reqwest's client: `cargo run --example reqwest_client`.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tower_keep::{
    BoxError,
    circuit_breaker::CircuitBreakerConfig,
    rejection::Rejection,
    reqwest_client::{ReqwestClient, ReqwestService},
    stack::ClientStack,
};
use tower_layer::Layer;

static CALLS: AtomicU32 = AtomicU32::new(0);

/// A service that works the third time.
async fn flaky() -> Result<&'static str, StatusCode> {
    let works = CALLS.fetch_add(1, Ordering::Relaxed) == 2;
    works.then_some("12 left").ok_or(StatusCode::BAD_GATEWAY)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let there = format!("http://{}/", listener.local_addr()?);
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let gone = format!("http://{gone}/");
    tokio::spawn(async { axum::serve(listener, Router::new().route("/", get(flaky))).await });

    // Redirects and retries of reqwest's own are off: one call is one exchange.
    let http = ReqwestService::build(reqwest::Client::builder())?;
    let breaker = CircuitBreakerConfig {
        consecutive_failures: Some(5),
        ..CircuitBreakerConfig::default()
    };
    let stack = ClientStack::api().named("stock").circuit_breaker(breaker);
    let stock = ReqwestClient::new(stack.layer()?.layer(http.clone()));

    let answer = stock.send(http.client().get(there)).await?;
    println!("{}: {}", answer.status(), answer.text().await?);
    for _ in 0..3 {
        // Never sent, so this write is safe to send again; until nobody believes in it any more.
        match stock.send(http.client().post(&gone).body("one more")).await {
            Ok(answer) => println!("{:?}", answer.extensions().get::<Rejection>()),
            Err(error) => println!("connected: {}: {error}", !error.is_connect()),
        }
    }
    Ok(())
}
