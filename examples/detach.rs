//! A client hangs up, and its order is placed all the same: `cargo run --example detach`.

use std::time::Duration;

use axum::{Router, body::Body, routing::post};
use http::Request;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower_keep::{BoxError, detach::DetachLayer, observe::Event};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let detach = DetachLayer::new(16).named("orders");
    let detach = detach.observe(|event: &Event| println!("  {event}"));
    let handle = detach.handle();
    let app = Router::new().route("/orders", post(place)).layer(detach);

    let request = Request::post("/orders").body(Body::empty())?;
    let call = app.oneshot(request);
    if timeout(Duration::from_millis(50), call).await.is_err() {
        println!("the client has gone, {:?}", handle.snapshot());
    }
    // At the end of the process, bounded.
    timeout(Duration::from_secs(10), handle.idle()).await?;
    println!("and now {:?}", handle.snapshot());
    Ok(())
}

async fn place() -> &'static str {
    println!("  the card is charged ...");
    sleep(Duration::from_millis(200)).await;
    println!("  ... and the order recorded");
    "placed"
}
