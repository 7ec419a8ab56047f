//! A page that stays when its service is gone: `cargo run --example fallback`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Path,
    routing::get,
};
use http::{Request, Response, StatusCode};
use tower::ServiceExt;
use tower_keep::{
    BoxError,
    fallback::{Causes, FallbackConfig, FallbackLayer},
};

static DOWN: AtomicBool = AtomicBool::new(false);

async fn price(Path(product): Path<String>) -> Result<String, StatusCode> {
    if DOWN.load(Relaxed) {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    } else {
        Ok(format!("{product} costs 42"))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let config = FallbackConfig {
        header: true,
        ..FallbackConfig::default()
    };
    let fallback = FallbackLayer::from_config(config)?
        .named("prices")
        .when_stale(Causes::ANY)
        .when(Causes::ANY, |_| Response::new("price on request"));
    let handle = fallback.handle();
    let app: Router = Router::new()
        .route("/{product}", get(price))
        .layer(fallback);

    for (down, product) in [(false, "tea"), (true, "tea"), (true, "coffee")] {
        DOWN.store(down, Relaxed);
        let request = Request::get(format!("/{product}")).body(Body::empty())?;
        let response = app.clone().oneshot(request).await?;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1024).await?;
        println!("{product}, service {}:", if down { "down" } else { "up" });
        println!("  {} {:?}", head.status, body);
        for name in ["age", "cache-status", "x-fallback"] {
            if let Some(value) = head.headers.get(name) {
                println!("  {name}: {value:?}");
            }
        }
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}
