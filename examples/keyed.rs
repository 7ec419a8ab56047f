//! One tenant takes all it can get, the other notices nothing: `cargo run --example keyed`.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadLayer},
    keyed::Key,
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    // Two calls at once for each tenant, five for the one who pays for more.
    let bulkhead = BulkheadLayer::new(2)
        .named("tenants")
        .keyed(Key::header("x-tenant"))
        .max_keys(100)
        .with_key("gold", BulkheadConfig::new(5))?;
    let tenants = bulkhead.handle();
    let app = Router::new()
        .route("/", get(|| tokio::time::sleep(Duration::from_millis(50))))
        .layer(bulkhead);

    let callers = [("greedy", 20), ("modest", 2), ("gold", 5)];
    let calls = callers.map(|(tenant, times)| {
        let calls = join_all((0..times).map(|_| call(app.clone(), tenant)));
        async move { (tenant, times, calls.await) }
    });
    for (tenant, times, answers) in join_all(calls).await {
        let good = answers.iter().filter(|status| **status == 200).count();
        println!("{tenant}: {good} of {times} calls answered");
    }

    for key in tenants.keys() {
        println!("{key}: {:?}", tenants.get(&key).map(|one| one.snapshot()));
    }

    // Callers choose keys: there is room for a hundred, and those at rest make room.
    for n in 0..300 {
        call_nothing(app.clone(), &n.to_string()).await;
    }
    println!("{:?}", tenants.snapshot());
    Ok(())
}

async fn call(app: Router, tenant: &str) -> StatusCode {
    let request = Request::get("/")
        .header("x-tenant", tenant)
        .body(Body::empty());
    let Ok(response) = app.oneshot(request.expect("a request")).await;
    response.status()
}

/// Gives up before it begins.
async fn call_nothing(app: Router, tenant: &str) {
    let _ = tokio::time::timeout(Duration::ZERO, call(app, tenant)).await;
}
