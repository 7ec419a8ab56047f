//! Refused, waiting in line, and metered: `cargo run --example rate_limit`.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::{Request, Response};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError,
    rate_limit::{Limit, Rate, RateLimitConfig, RateLimitLayer},
    rejection::Rejection,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A server: 10 a second, 2 of them at once.
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .layer(RateLimitLayer::new(Rate::per_second(10).burst(2)));
    for n in 1..=3 {
        let answer = app.clone().oneshot(Request::new(Body::empty())).await?;
        let after = Rejection::of(&answer).and_then(Rejection::retry_after);
        println!("call {n}: {}, come back in {after:?}", answer.status());
    }

    // A client that keeps its calls 50 ms apart: they wait in the order in which they came.
    let config = RateLimitConfig::paced(
        Rate::every(Duration::from_millis(50)),
        Duration::from_secs(1),
    );
    let turns = RateLimitLayer::from_config(config)?.handle();
    let start = tokio::time::Instant::now();
    join_all((1..=4).map(|n| {
        let turn = turns.acquire(1);
        async move {
            println!("turn {n}: {:?} at {:.0?}", turn.await, start.elapsed());
        }
    }))
    .await;

    // A metered API: requests and tokens, estimated first and corrected by the answer.
    let config = RateLimitConfig::client(Limit::calls(Rate::per_minute(60)), Duration::ZERO)
        .and(Limit::new(Rate::per_minute(10_000)).named("tokens"));
    let layer = RateLimitLayer::from_config(config)?.metered(
        |prompt: &Request<String>| prompt.body().len() as u64 + 500,
        |answer: &Response<String>| answer.extensions().get().copied(),
    );
    let handle = layer.handle();
    let model = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|_: Request<String>| async {
            let mut answer = Response::new("42".to_owned());
            answer.extensions_mut().insert(120_u64); // what it has used
            Ok::<_, BoxError>(answer)
        });
    model.oneshot(Request::new("6 x 7?".to_owned())).await?;
    println!("left: {:?}", handle.snapshot().limits);
    Ok(())
}
