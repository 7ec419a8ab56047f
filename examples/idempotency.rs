//! An order that is sent three times and placed once: `cargo run --example idempotency`.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use axum::{Router, body::Body, routing::post};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_keep::{BoxError, idempotency::IdempotencyLayer};

static PLACED: AtomicU32 = AtomicU32::new(0);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let layer = IdempotencyLayer::default().named("orders");
    let handle = layer.handle();
    let app = Router::new().route("/orders", post(place)).layer(layer);

    for (key, order) in [
        ("k-1", "tea"),
        ("k-1", "tea"),    // the answer got lost, the client asks again
        ("k-1", "coffee"), // a bug of the client
        ("k-2", "tea"),
    ] {
        let request = Request::post("/orders")
            .header("idempotency-key", key)
            .body(Body::from(order))?;
        let response = app.clone().oneshot(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        println!(
            "{key} {order:6} {status}  {}",
            String::from_utf8_lossy(&body)
        );
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}

async fn place(order: String) -> String {
    format!("order {}: {order}", PLACED.fetch_add(1, SeqCst) + 1)
}
