//! Faults for those who may ask for them: `cargo run --example chaos`.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use http::Request;
use tower::ServiceExt;
use tower_keep::{
    BoxError,
    chaos::{ChaosConfig, ChaosLayer, Fault, Secret, Token},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // In production from wherever other secrets come from.
    let secret = Secret::new(b"an example, and not a secret one");
    let chaos = ChaosLayer::default()
        .named("orders")
        .on_request(secret.clone());
    let handle = chaos.handle();
    let app = Router::new()
        .route("/", get(|| async { "fine" }))
        .layer(chaos);

    // Nothing happens until somebody asks, and only to the call that does.
    println!("a customer's call: {}", call(&app, None).await?);
    let token = secret.sign(&Fault::Status(503), Duration::from_secs(60));
    println!("with {:?}", token.as_header_value());
    println!("a call that asks:  {}", call(&app, Some(&token)).await?);

    // Or to a share of all calls, switched on while they run.
    handle.update(ChaosConfig {
        seed: Some(11),
        ..ChaosConfig::new(0.3, Fault::Status(500))
    })?;
    for n in 1..=10 {
        println!("call {n}: {}", call(&app, None).await?);
    }
    handle.stop();
    println!(
        "stopped: {} {:?}",
        call(&app, None).await?,
        handle.snapshot()
    );
    Ok(())
}

async fn call(app: &Router, token: Option<&Token>) -> Result<http::StatusCode, BoxError> {
    let mut request = Request::get("/").body(Body::empty())?;
    if let Some(token) = token {
        let value = token.as_header_value().clone();
        request.headers_mut().insert(Token::header_name(), value);
    }
    Ok(app.clone().oneshot(request).await?.status())
}
