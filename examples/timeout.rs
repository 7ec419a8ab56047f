//! One deadline from the browser to the last service: `cargo run --example timeout`.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    context::{Deadline, deadline},
    rejection::Rejection,
    timeout::{TimeoutConfig, TimeoutLayer},
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    // The service behind ours, and a client for it: 500 ms for each attempt.
    let stock = service_fn(async |request: Request<Body>| {
        println!("  stock is asked with {:?}", request.headers());
        sleep(Duration::from_millis(100)).await;
        Ok::<_, Infallible>(Response::new(Body::from("12 left")))
    });
    let attempt = TimeoutLayer::from_config(TimeoutConfig::attempt(Duration::from_millis(500)))?;
    let client = ServiceBuilder::new().layer(attempt).service(stock);

    // Our own service. The handler does nothing for the deadline.
    let handler = move || async move {
        println!("  {:?} left", deadline().map(Deadline::remaining));
        sleep(Duration::from_millis(50)).await;
        client.oneshot(Request::new(Body::empty())).await
    };
    let timeout = TimeoutLayer::new(Duration::from_secs(1)).named("orders");
    let handle = timeout.handle();
    let app = Router::new().route("/", get(handler)).layer(timeout);

    for waits_for in ["1s", "300ms", "120ms", "0ms"] {
        println!("a caller that waits for {waits_for}");
        let request = Request::get("/").header("x-request-timeout", waits_for);
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        match Rejection::of(&response) {
            None => println!("  {}", response.status()),
            Some(rejection) => println!("  {}: {rejection}", response.status()),
        }
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}
