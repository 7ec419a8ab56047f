//! A service that goes down and comes back: `cargo run --example circuit_breaker`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::StatusCode, routing::get};
use http::Request;
use tokio::time::sleep;
use tower::ServiceExt;
use tower_keep::{
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    observe::{Event, EventKind},
};

#[tokio::main]
async fn main() -> Result<(), tower_keep::BoxError> {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        open_for: Duration::from_millis(300),
        probes: 2,
        ramp: Duration::from_millis(300),
        ..CircuitBreakerConfig::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config)?
        .named("payments")
        .observe(|event: &Event| {
            if let EventKind::StateChanged { .. } = event.kind {
                println!("      {event}");
            }
        });

    let down = Arc::new(AtomicBool::new(false));
    let handler = {
        let down = down.clone();
        async move || match down.load(Relaxed) {
            true => (StatusCode::INTERNAL_SERVER_ERROR, "the database is gone"),
            false => (StatusCode::OK, "paid"),
        }
    };
    let app = Router::new().route("/pay", get(handler)).layer(breaker);

    for n in 1..=18 {
        match n {
            3 => down.store(true, Relaxed),
            9 => down.store(false, Relaxed),
            _ => {}
        }
        let request = Request::get("/pay").body(Body::empty())?;
        let response = app.clone().oneshot(request).await?;
        println!("call {n:2}: {}", response.status());
        drop(response); // which ends the call
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
