//! One stack for all routes, and what differs from route to route: `cargo run --example per_route`.

use std::time::Duration;

use axum::{Router, body::Body, extract::MatchedPath, handler::Handler, routing::get};
use http::Request;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    rate_limit::{Rate, RateLimitLayer},
    rejection::Rejection,
    timeout::{RequestTimeout, TimeoutLayer},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Two of the routes share a place in one bulkhead: a clone of a layer is the same layer.
    let reports = BulkheadLayer::new(1).named("reports");
    let slow = || async {
        sleep(Duration::from_millis(100)).await;
        "done"
    };
    // 50 ms, and a second for reports. By the route, which axum has found by then.
    let timeout = TimeoutLayer::new(Duration::from_millis(50)).timeout_for(|head| {
        let route = head.extensions.get::<MatchedPath>()?.as_str();
        let long = RequestTimeout::after(Duration::from_secs(1));
        route.starts_with("/reports/").then_some(long)
    });
    // A search costs as much as five orders.
    let rate = Rate::per_second(1).burst(12);
    let rate = RateLimitLayer::new(rate).cost(|request: &Request<Body>| {
        let search = request.uri().path() == "/search";
        if search { 5 } else { 1 }
    });
    let app = Router::new()
        .route("/orders", get(slow))
        .route("/search", get(|| async { "found" }))
        .route("/reports/day", get(slow.layer(reports.clone())))
        .route("/reports/year", get(slow.layer(reports)))
        .layer(ServiceBuilder::new().layer(timeout).layer(rate));

    call(&app, "/orders").await?;
    tokio::try_join!(call(&app, "/reports/day"), call(&app, "/reports/year"))?;
    for _ in 0..2 {
        call(&app, "/search").await?;
    }
    Ok(())
}

async fn call(app: &Router, path: &str) -> Result<(), BoxError> {
    let request = Request::get(path).body(Body::empty())?;
    let answer = app.clone().oneshot(request).await?;
    let refused = Rejection::of(&answer).map(ToString::to_string);
    println!("{path}: {} {refused:?}", answer.status());
    Ok(())
}
