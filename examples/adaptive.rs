//! A server whose capacity nobody knows, and a crowd: `cargo run --example adaptive`.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use http::Request;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};
use tower::ServiceExt;
use tower_keep::{
    adaptive::AdaptiveLayer,
    observe::{Event, EventKind},
};

#[tokio::main]
async fn main() {
    let limit = AdaptiveLayer::new()
        .named("reports")
        .observe(|event: &Event| {
            if let EventKind::LimitChanged { .. } = event.kind {
                println!("{}", event.kind);
            }
        });
    let handle = limit.handle();

    // Works on eight reports at once, 20 ms each; whoever comes ninth waits.
    let workers = Arc::new(Semaphore::new(8));
    let report = move || async move {
        let _worker = workers.acquire().await;
        sleep(Duration::from_millis(20)).await;
        "a report"
    };
    let app = Router::new().route("/", get(report)).layer(limit);

    for callers in [4, 100] {
        println!("{callers} callers");
        let end = Instant::now() + Duration::from_secs(2);
        let calls = (0..callers).map(|_| tokio::spawn(call_until(end, app.clone())));
        let answers = futures_util::future::join_all(calls).await;
        let good: usize = answers.into_iter().flatten().sum();
        println!("{good} good answers\n{:#?}", handle.snapshot());
    }
}

/// One call after another; how many were answered well.
async fn call_until(end: Instant, app: Router) -> usize {
    let mut good = 0;
    while Instant::now() < end {
        let Ok(response) = app.clone().oneshot(Request::new(Body::empty())).await;
        if response.status().is_success() {
            good += 1;
        } else {
            sleep(Duration::from_millis(10)).await;
        }
    }
    good
}
