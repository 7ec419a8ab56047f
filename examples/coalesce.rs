//! A hundred callers, one calculation: `cargo run --example coalesce`.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_keep::coalesce::CoalesceLayer;

static CALCULATIONS: AtomicUsize = AtomicUsize::new(0);

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    let coalesce = CoalesceLayer::new().named("prices");
    let handle = coalesce.handle();
    let app = Router::new()
        .route(
            "/prices",
            get(|| async {
                CALCULATIONS.fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_millis(200)).await;
                "a long list"
            }),
        )
        .layer(coalesce);

    let start = tokio::time::Instant::now();
    let calls = (0..100).map(|_| {
        let app = app.clone();
        async move {
            let request = Request::get("/prices").body(Body::empty())?;
            let body = app.oneshot(request).await?.into_body();
            Ok::<_, tower_keep::BoxError>(body.collect().await?.to_bytes())
        }
    });
    let answers = join_all(calls).await;
    println!(
        "{} answers from {} calculation in {:?}",
        answers.iter().filter(|answer| answer.is_ok()).count(),
        CALCULATIONS.load(Relaxed),
        start.elapsed(),
    );
    println!("{:?}", handle.snapshot());
    Ok(())
}
