//! State that is made where axum calls `Layer::layer`.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{
    Router, error_handling::HandleErrorLayer, handler::Handler, response::Response, routing::get,
};
use http::StatusCode;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer};
use tower_resilience_circuitbreaker::CircuitBreakerLayer as Theirs;

use crate::{
    case::{Case, Outcome, situation},
    support::{answered, get as ask, ms, request, serve},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        e1_handler::case(),
        e2_connections::case(),
        e2_routes::case(),
        e5_default_classifier::case(),
        e5_state::case(),
    ]
}

/// A handler that never answers, and how many calls it has.
fn endless() -> (impl Handler<((),), ()>, Arc<AtomicUsize>) {
    let entered = Arc::new(AtomicUsize::new(0));
    let seen = entered.clone();
    let handler = async move || {
        seen.fetch_add(1, Relaxed);
        pending::<()>().await;
    };
    (handler, entered)
}

/// Eight requests to a clone of the app each, as in a test.
async fn cloned(app: Router, entered: Arc<AtomicUsize>) -> Outcome {
    let calls = (0..8).map(|_| tokio::spawn(app.clone().oneshot(request())));
    let calls: Vec<_> = calls.collect();
    sleep(ms(100)).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    at_once(&entered)
}

fn at_once(entered: &AtomicUsize) -> Outcome {
    let entered = entered.load(Relaxed);
    Outcome::new(entered == 2, format!("{entered} at once"))
}

async fn tower_handler() -> Outcome {
    let (handler, entered) = endless();
    let limited = handler.layer(tower::limit::ConcurrencyLimitLayer::new(2));
    cloned(Router::new().route("/", get(limited)), entered).await
}

async fn our_handler() -> Outcome {
    let (handler, entered) = endless();
    let limited = handler.layer(BulkheadLayer::new(2));
    cloned(Router::new().route("/", get(limited)), entered).await
}

situation! {
    e1_handler: "E1", "a limit of 2 around a handler; 8 requests by `app.clone().oneshot(..)`";
    peer "tower" => paused (tower_handler);
    ours => paused (our_handler);
}

/// Eight connections at once, until each has come in or been answered, or waits.
async fn connected(app: Router, entered: Arc<AtomicUsize>) -> Outcome {
    let address = serve(app).await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(ask(address, "/"));
    }
    let start = Instant::now();
    while calls.len() > entered.load(Relaxed) && start.elapsed() < ms(2_000) {
        tokio::select! {
            _ = calls.join_next() => {}
            () = sleep(ms(1)) => {}
        }
    }
    at_once(&entered)
}

async fn tower_connections() -> Outcome {
    let (handler, entered) = endless();
    let app = Router::new().route("/", get(handler));
    connected(
        app.layer(tower::limit::ConcurrencyLimitLayer::new(2)),
        entered,
    )
    .await
}

async fn tower_global() -> Outcome {
    let (handler, entered) = endless();
    let app = Router::new().route("/", get(handler));
    connected(
        app.layer(tower::limit::GlobalConcurrencyLimitLayer::new(2)),
        entered,
    )
    .await
}

async fn our_connections() -> Outcome {
    let (handler, entered) = endless();
    connected(
        Router::new()
            .route("/", get(handler))
            .layer(BulkheadLayer::new(2)),
        entered,
    )
    .await
}

situation! {
    e2_connections: "E2", "an axum server with a limit of 2; 8 connections";
    peer "tower" => real (tower_connections);
    peer "tower" => real (tower_global);
    ours => real (our_connections);
}

/// One call to each of two routes, of one router with state.
async fn routes(app: Router, entered: Arc<AtomicUsize>) -> Outcome {
    let calls = ["/", "/other"].map(|path| {
        let mut request = request();
        *request.uri_mut() = path.parse().expect("it is a path");
        tokio::spawn(app.clone().oneshot(request))
    });
    sleep(ms(100)).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    let entered = entered.load(Relaxed);
    Outcome::new(entered == 1, format!("{entered} at once"))
}

async fn tower_routes() -> Outcome {
    let (handler, entered) = endless();
    let app = Router::new()
        .route("/", get(handler.clone()))
        .route("/other", get(handler));
    let app = app
        .layer(tower::limit::ConcurrencyLimitLayer::new(1))
        .with_state(());
    routes(app, entered).await
}

async fn our_routes() -> Outcome {
    let (handler, entered) = endless();
    let app = Router::new()
        .route("/", get(handler.clone()))
        .route("/other", get(handler));
    routes(app.layer(BulkheadLayer::new(1)).with_state(()), entered).await
}

situation! {
    e2_routes: "E2b", "two routes under one limit of 1";
    peer "tower" => paused (tower_routes);
    ours => paused (our_routes);
}

/// A handler that fails, and how often it was asked.
fn broken() -> (Router, Arc<AtomicUsize>) {
    let hits = Arc::new(AtomicUsize::new(0));
    let seen = hits.clone();
    let handler = async move || {
        seen.fetch_add(1, Relaxed);
        StatusCode::INTERNAL_SERVER_ERROR
    };
    (Router::new().route("/", get(handler)), hits)
}

async fn hits(app: Router, hits: Arc<AtomicUsize>) -> Outcome {
    answered(app, 20).await;
    let hits = hits.load(Relaxed);
    Outcome::new(
        hits <= 10,
        format!("the handler was asked {hits} of 20 times"),
    )
}

async fn their_default() -> Outcome {
    let (app, asked) = broken();
    let (breaker, _handle) = Theirs::builder()
        .sliding_window_size(4)
        .build_with_handle()
        .expect("valid");
    let refused = HandleErrorLayer::new(async |_| StatusCode::SERVICE_UNAVAILABLE);
    hits(
        app.layer(ServiceBuilder::new().layer(refused).layer(breaker)),
        asked,
    )
    .await
}

async fn their_state() -> Outcome {
    let (app, asked) = broken();
    let breaker = Theirs::builder()
        .sliding_window_size(4)
        .failure_classifier(|answer: &Result<Response, Infallible>| {
            answer
                .as_ref()
                .is_ok_and(|answer| answer.status().is_server_error())
        })
        .build()
        .expect("valid");
    let refused = HandleErrorLayer::new(async |_| StatusCode::SERVICE_UNAVAILABLE);
    hits(
        app.layer(ServiceBuilder::new().layer(refused).layer(breaker)),
        asked,
    )
    .await
}

async fn our_default() -> Outcome {
    let (app, asked) = broken();
    hits(app.layer(CircuitBreakerLayer::new()), asked).await
}

situation! {
    e5_default_classifier: "E5", "a breaker with its defaults on an axum server; the handler answers 500";
    peer "tower-resilience-circuitbreaker" => real (their_default);
    ours => real (our_default);
}

situation! {
    e5_state: "E5b", "the same with a classifier of 5xx; 20 connections";
    peer "tower-resilience-circuitbreaker" => real (their_state);
    ours => real (our_default);
}
