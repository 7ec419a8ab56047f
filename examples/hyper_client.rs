//! Layers around hyper-util's client: `cargo run --example hyper_client`.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError,
    circuit_breaker::CircuitBreakerLayer,
    observe::Event,
    retry::{ReplayBody, RetryLayer},
    timeout::{TimeoutConfig, TimeoutLayer},
};

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
    tokio::spawn(async { axum::serve(listener, Router::new().route("/", get(flaky))).await });

    // The body that hyper sends is one that can be sent again.
    let hyper = Client::builder(TokioExecutor::new()).build_http::<ReplayBody<Full<Bytes>>>();
    let attempt = TimeoutConfig::attempt(Duration::from_secs(1));
    let stock = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .layer(RetryLayer::default().observe(|event: &Event| println!("  {event}")))
        .layer(CircuitBreakerLayer::new().named("stock"))
        .layer(TimeoutLayer::from_config(attempt)?)
        .service(hyper);

    println!("a read that fails twice");
    let read = Request::get(there).body(Full::default())?;
    let answer = stock.clone().oneshot(read).await?;
    let status = answer.status();
    let text = answer.into_body().collect().await?.to_bytes();
    println!("{status}: {text:?}\na write that is never sent, and so is safe to send again");
    let write = Request::post(format!("http://{gone}/")).body(Full::from("one more"))?;
    println!("{:?}", stock.oneshot(write).await.err());
    Ok(())
}
