//! One price list for many readers, and a change that shows at once: `cargo run --example cache`.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::{Router, body::Body, http::header, routing::get};
use http::Request;
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    cache::{CacheConfig, CacheLayer},
    coalesce::CoalesceLayer,
};

static VERSION: AtomicUsize = AtomicUsize::new(1);

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    let config = CacheConfig {
        cache_status: true,
        ..CacheConfig::default()
    };
    let cache = CacheLayer::from_config(config)?.named("prices");
    let handle = cache.handle();
    let read = || async {
        let list = format!("price list {}", VERSION.load(Relaxed));
        ([(header::CACHE_CONTROL, "max-age=60")], list)
    };
    let change = || async {
        VERSION.fetch_add(1, Relaxed);
        "changed"
    };
    let app = Router::new()
        .route("/prices", get(read).put(change))
        // Inside, so that a list that has gone is asked for once.
        .layer(
            ServiceBuilder::new()
                .layer(cache)
                .layer(CoalesceLayer::new()),
        );

    for method in ["GET", "GET", "HEAD", "PUT", "GET", "GET"] {
        let request = Request::builder().method(method).uri("/prices");
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        let status = response.headers().get("cache-status").cloned();
        let body = response.into_body().collect().await?.to_bytes();
        println!("{method}: {body:?}, {status:?}");
    }
    println!("{:?}", handle.snapshot());
    Ok(())
}
