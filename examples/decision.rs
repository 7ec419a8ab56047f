//! Why did this request get this answer? `cargo run --example decision`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncServiceLayer};
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    decision::{Decision, DecisionLayer},
    retry::RetryLayer,
    timeout::TimeoutLayer,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Payments fails at first.
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let retry = RetryLayer::default().same_body(Body::new);
    let payments = ServiceBuilder::new()
        .layer(BoxCloneSyncServiceLayer::new(retry.named("payments")))
        .layer(CircuitBreakerLayer::new().named("payments"))
        .service_fn(|_: Request<Body>| async {
            let down = CALLS.fetch_add(1, Relaxed) < 2;
            let status = [StatusCode::OK, StatusCode::BAD_GATEWAY][usize::from(down)];
            Response::builder().status(status).body(Body::empty())
        });

    let bulkhead = BulkheadLayer::new(1).named("orders");
    let places = bulkhead.handle();
    let layers = ServiceBuilder::new()
        .layer(DecisionLayer::new().server_timing(|head| head.uri.query() == Some("debug")))
        .layer(TimeoutLayer::default())
        .layer(bulkhead);
    let order = get(async move || {
        let paid = payments.oneshot(Request::new(Body::empty())).await;
        paid.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status())
    });
    let app: Router = Router::new().route("/", order).layer(layers);

    for full in [false, true] {
        let _held = if full {
            places.acquire().await.ok()
        } else {
            None
        };
        let request = Request::get("/?debug").body(Body::empty())?;
        let response = app.clone().oneshot(request).await?;
        let timing = &response.headers()["server-timing"];
        println!("{}, server-timing: {timing:?}", response.status());
        let decision = response.extensions().get::<Decision>();
        for entry in decision.ok_or("no decision")?.entries() {
            println!("  {entry}");
        }
    }
    Ok(())
}
