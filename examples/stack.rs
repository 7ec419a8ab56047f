//! A server and a client, each in one line, and what the linter says: `cargo run --example stack`.

use std::time::Duration;

use axum::{Router, routing::get};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::ServiceExt;
use tower_keep::{
    BoxError,
    bulkhead::BulkheadConfig,
    stack::{ClientBody, ClientStack, ServerStack},
    timeout::TimeoutConfig,
};
use tower_layer::Layer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let stack = ServerStack::api()
        .named("orders")
        .bulkhead(BulkheadConfig::new(200));
    print!("{}", stack.describe());
    let app = Router::new()
        .route("/", get(|| async { "[]" }))
        .layer(stack.layer()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    let hyper = Client::builder(TokioExecutor::new()).build_http::<ClientBody>();
    let orders = ClientStack::api().named("orders").layer()?.layer(hyper);
    let request = http::Request::get(format!("http://{address}/")).body(Full::<Bytes>::default())?;
    let answer = orders.oneshot(request).await?;
    println!(
        "{} {:?}",
        answer.status(),
        answer.headers()["x-correlation-id"]
    );
    let body = Box::pin(answer.into_body()).collect().await?.to_bytes();
    println!("{}", String::from_utf8_lossy(&body));

    // Two mistakes that are easily made.
    let minute = Duration::from_secs(60);
    let mistaken = ClientStack::api()
        .attempt_timeout(TimeoutConfig::attempt(minute))
        .bulkhead(BulkheadConfig {
            max_wait: minute,
            ..BulkheadConfig::queued(10)
        });
    if let Err(refused) = mistaken.layer() {
        println!("{refused}");
    }
    Ok(())
}
