//! A client that asks again, and a server that needs it: `cargo run --example retry`.

use std::{sync::atomic::AtomicU32, sync::atomic::Ordering::Relaxed, time::Duration};

use axum::{Router, body::Bytes, routing::any};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    backoff::Backoff,
    retry::{ReplayBody, RetryConfig, RetryLayer},
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    let config = RetryConfig {
        backoff: Backoff {
            base: Duration::from_millis(50),
            ..Backoff::default()
        },
        ..RetryConfig::default()
    };
    let retry = RetryLayer::from_config(config)?
        .named("flaky")
        .observe(|event: &tower_keep::observe::Event| println!("  {event}"));
    let handle = retry.handle();
    let client: Client<_, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let client = ServiceBuilder::new().layer(retry).service(client);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, Router::new().route("/", any(flaky))).await });

    for method in [Method::PUT, Method::POST] {
        println!("{method}");
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{address}/"))
            .body(Full::from("an order"))?;
        let response = client.clone().oneshot(request).await?;
        let (status, body) = (response.status(), response.into_body().collect().await?);
        println!("  {status}: {:?}", body.to_bytes());
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}

/// Fails two times of three. A POST is not asked again: it may have done something.
async fn flaky(body: Bytes) -> (StatusCode, Bytes) {
    static CALLS: AtomicU32 = AtomicU32::new(1);
    match CALLS.fetch_add(1, Relaxed) % 3 {
        0 => (StatusCode::OK, body),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Bytes::from("try again")),
    }
}
