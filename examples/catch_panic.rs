//! A handler with a bug, and the others that go on: `cargo run --example catch_panic`.

use axum::{Router, body::Body, routing::get};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_keep::{BoxError, catch_panic::CatchPanicLayer, observe::Event};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // The example shows the layer's line, not the panic hook's backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    let catch = CatchPanicLayer::new()
        .named("orders")
        .observe(|event: &Event| println!("  {event}"));
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .layer(catch.clone());

    for id in ["7", "seven", "8"] {
        let request = Request::get(format!("/orders/{id}")).body(Body::empty())?;
        let response = app.clone().oneshot(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        println!("/orders/{id}: {status} {}", String::from_utf8_lossy(&body));
    }
    println!("{:?}", catch.handle().snapshot());
    Ok(())
}

async fn order(axum::extract::Path(id): axum::extract::Path<String>) -> String {
    let id: u32 = id.parse().expect("an id is a number");
    format!("order {id}")
}
