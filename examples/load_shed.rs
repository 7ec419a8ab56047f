//! Three times what a shop can do, and every checkout goes through: `cargo run --example load_shed`.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::Request;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_keep::{
    BoxError,
    context::Priority,
    load_shed::{HostPressure, LoadShedLayer, Tenant},
    rejection::Rejection,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // 10 places, 20 ms a call: 500 calls a second.
    let shed = LoadShedLayer::new(10)
        .named("shop")
        .prioritize(|head| (head.uri.path() == "/checkout").then_some(Priority::CRITICAL))
        .tenant(|head| head.headers.get("x-api-key").map(Tenant::of))
        .pressure(HostPressure::memory());
    let handle = shed.handle();
    let work = || async { tokio::time::sleep(Duration::from_millis(20)).await };
    let app = Router::new()
        .route("/checkout", get(work))
        .route("/browse", get(work))
        .layer(shed);

    // 1500 calls a second for two seconds, a tenth of them checkouts.
    let start = Instant::now();
    let mut calls = Vec::new();
    for n in 0..3000_u32 {
        let path = if n % 10 == 0 { "/checkout" } else { "/browse" };
        calls.push(tokio::spawn(call(app.clone(), path)));
        let next = Duration::from_secs(2) * (n + 1) / 3000;
        tokio::time::sleep(next.saturating_sub(start.elapsed())).await;
    }
    let mut answered = [0, 0];
    let mut shed = [0, 0];
    for done in join_all(calls).await {
        let (path, was_shed) = done??;
        let place = usize::from(path == "/browse");
        shed[place] += u32::from(was_shed);
        answered[place] += u32::from(!was_shed);
    }
    println!("checkout: {} answered, {} shed", answered[0], shed[0]);
    println!("browse:   {} answered, {} shed", answered[1], shed[1]);
    println!("{:?}", handle.snapshot());
    Ok(())
}

async fn call(app: Router, path: &'static str) -> Result<(&'static str, bool), BoxError> {
    let response = app.oneshot(Request::get(path).body(Body::empty())?).await?;
    Ok((path, Rejection::of(&response).is_some()))
}
