//! What a decision says, from outside.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadHandle, BulkheadLayer},
    circuit_breaker::CircuitBreakerLayer,
    context,
    correlation_id::CorrelationIdLayer,
    decision::{Decision, DecisionConfig, DecisionLayer, Ending, Entry},
    observe::{Event, EventKind},
    rejection::Kind,
    retry::{RetryConfig, RetryLayer},
    timeout::TimeoutLayer,
};

use crate::support::{Log, by_hand};

const S: Duration = Duration::from_secs(1);

fn request() -> Request<Body> {
    Request::get("/").body(Body::empty()).unwrap()
}

fn of<B>(response: &Response<B>) -> Decision {
    response.extensions().get::<Decision>().unwrap().clone()
}

fn kinds(decision: &Decision) -> Vec<String> {
    let text = |entry: &Entry| {
        let attempt = entry.attempt.map_or(String::new(), |n| format!("#{n}"));
        format!("{}{attempt} {}", entry.layer, entry.kind.as_str())
    };
    decision.entries().iter().map(text).collect()
}

/// A server that asks another service, each behind its layers; `fails` of the calls fail.
fn shop(decision: DecisionLayer, fails: u16) -> Router {
    let left = Arc::new(AtomicU16::new(fails));
    let payments = service_fn(move |_: Request<_>| {
        let down = left
            .fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1))
            .is_ok();
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let status = if down {
                StatusCode::BAD_GATEWAY
            } else {
                StatusCode::OK
            };
            Ok::<_, BoxError>(status.into_response())
        }
    });
    let client = ServiceBuilder::new()
        .layer(
            RetryLayer::from_config(RetryConfig::interactive())
                .unwrap()
                .named("payments"),
        )
        .layer(CircuitBreakerLayer::new().named("payments"))
        .service(payments);
    let client = BoxCloneSyncService::new(client.map_response(IntoResponse::into_response));
    let handler = async move || match client.oneshot(request()).await {
        Ok(response) => response.status().into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    };
    let layers = ServiceBuilder::new()
        .layer(decision)
        .layer(CorrelationIdLayer::new())
        .layer(TimeoutLayer::new(5 * S))
        .layer(BulkheadLayer::new(10).named("api"));
    Router::new().route("/", get(handler)).layer(layers)
}

#[tokio::test(start_paused = true)]
async fn a_response_says_what_each_layer_did_with_the_request() {
    let response = shop(DecisionLayer::new(), 1)
        .oneshot(request())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let decision = of(&response);
    response.into_body().collect().await.unwrap();
    assert_eq!(
        kinds(&decision),
        [
            "timeout call_noted",
            "bulkhead call_admitted",
            "retry call_noted",
            "circuit_breaker#1 call_noted",
            "circuit_breaker#1 call_finished",
            "retry attempt_scheduled",
            "retry call_noted",
            "circuit_breaker#2 call_noted",
            "circuit_breaker#2 call_finished",
            "bulkhead call_released",
        ]
    );
    assert_eq!(decision.attempts(), 2);
    assert_eq!(decision.breaker_state(), Some("closed"));
    // It began with 100, the call earned 0.2 and the retry cost 1.
    assert_eq!(decision.budget_left(), Some(99.2));
    let left = 5 * S - decision.elapsed();
    assert_eq!(decision.deadline_left(), Some(left));
    assert_eq!(decision.ending(), Some(Ending::Answered));
    assert!(decision.is_remarkable() && decision.rejection().is_none());
    let line = decision.to_string();
    assert!(line.starts_with("answered in "), "{line}");
    assert!(line.contains(", 2 attempts"), "{line}");
    assert!(
        line.contains("circuit_breaker payments #2: closed"),
        "{line}"
    );
    assert!(!line.contains('\n'));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_layer_and_a_queue_its_wait() {
    let config = BulkheadConfig::queued(1);
    let bulkhead = BulkheadLayer::from_config(config).unwrap().named("api");
    let handle = bulkhead.handle();
    let decisions = DecisionLayer::new();
    let seen = decisions.handle();
    let app: Router = Router::new()
        .route("/", get(async || "done"))
        .layer(ServiceBuilder::new().layer(decisions).layer(bulkhead));
    let held = handle.acquire().await.unwrap();
    let refused = of(&app.clone().oneshot(request()).await.unwrap());
    let rejection = refused.rejection().unwrap();
    assert!(matches!(rejection.kind(), Kind::QueueTimeout { .. }));
    assert_eq!(rejection.name(), "api");
    assert_eq!(refused.queued(), Duration::from_millis(100));

    let waits = tokio::spawn(app.oneshot(request()));
    tokio::time::sleep(Duration::from_millis(40)).await;
    drop(held);
    let response = waits.await.unwrap().unwrap();
    assert_eq!(of(&response).queued(), Duration::from_millis(40));
    drop(response);
    let now = seen.snapshot();
    assert_eq!((now.recorded, now.rejected), (2, 1));
    assert_eq!(now.dropped, 2, "nobody read the bodies");
}

#[tokio::test(start_paused = true)]
async fn server_timing_is_for_those_who_are_trusted() {
    let layer = DecisionLayer::new().server_timing(|head| head.headers.contains_key("x-debug"));
    let app = shop(layer, 1);
    let stranger = app.clone().oneshot(request()).await.unwrap();
    assert!(!stranger.headers().contains_key("server-timing"));

    let app = shop(
        DecisionLayer::new().server_timing(|head| head.headers.contains_key("x-debug")),
        1,
    );
    let mut trusted = request();
    trusted
        .headers_mut()
        .insert("x-debug", "1".parse().unwrap());
    let response = app.oneshot(trusted).await.unwrap();
    let timing = response.headers()["server-timing"].to_str().unwrap();
    assert!(timing.starts_with("total;dur="), "{timing}");
    for part in [
        "attempts;desc=\"2\"",
        "deadline-left;dur=4",
        "breaker;desc=\"closed\"",
        "retry-budget;desc=\"99\"",
    ] {
        assert!(timing.contains(part), "{timing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_told_with_what_is_known() {
    let layer = DecisionLayer::new().named("edge");
    let mut events = layer.handle().subscribe(10);
    let app = shop(layer, 0);
    let call = tokio::time::timeout(Duration::from_millis(5), app.oneshot(request()));
    assert!(call.await.is_err());
    let event = events.try_next().unwrap();
    assert!(event.correlation_id.is_some(), "though the context is gone");
    let EventKind::CallExplained { decision } = event.kind else {
        panic!("{event}");
    };
    assert_eq!(decision.ending(), Some(Ending::Dropped));
    // What the layers said while they were dropped is in it, too.
    let last = kinds(&decision).pop().unwrap();
    assert_eq!(last, "bulkhead call_released");
    assert!(events.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_belongs_to_its_call() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let layer = DecisionLayer::new().observe({
        let heard = heard.clone();
        move |event: &Event| heard.lock().unwrap().push(event.to_string())
    });
    let (sender, body) = by_hand();
    let body = Mutex::new(Some(body));
    let service = ServiceBuilder::new()
        .layer(layer)
        .layer(TimeoutLayer::new(S))
        .service_fn(move |_: Request<Body>| {
            let body = body.lock().unwrap().take().unwrap();
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
    let response = service.oneshot(request()).await.unwrap();
    let decision = of(&response);
    assert!(response.into_body().collect().await.is_err(), "cut off");
    drop(sender);
    assert_eq!(
        kinds(&decision),
        ["timeout call_noted", "timeout call_rejected"]
    );
    assert_eq!(decision.ending(), Some(Ending::Failed));
    assert_eq!(decision.deadline_left(), Some(Duration::ZERO));
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_spawned_is_recorded_if_it_is_told_to() {
    let acquire = |handle: BulkheadHandle| async move { handle.acquire().await };
    let handle = BulkheadLayer::new(0).handle();
    let app: Router = Router::new()
        .route(
            "/",
            get(async move || {
                let by_itself = context::spawn(acquire(handle.clone()));
                assert!(by_itself.await.unwrap().is_err());
                let told = Decision::current().unwrap().scope(acquire(handle));
                assert!(tokio::spawn(told).await.unwrap().is_err());
            }),
        )
        .layer(DecisionLayer::new());
    let response = app.oneshot(request()).await.unwrap();
    assert_eq!(kinds(&of(&response)), ["bulkhead call_rejected"]);
    assert!(Decision::current().is_none());
}

#[tokio::test(start_paused = true)]
async fn it_is_switched_off_and_on() {
    let layer = DecisionLayer::new();
    let handle = layer.handle();
    let app = shop(layer, 0);
    let off = DecisionConfig {
        enabled: false,
        ..DecisionConfig::default()
    };
    handle.update(off).unwrap();
    assert_eq!(handle.config(), off);
    let response = app.clone().oneshot(request()).await.unwrap();
    assert!(response.extensions().get::<Decision>().is_none());
    handle.update(DecisionConfig::default()).unwrap();
    let response = app.oneshot(request()).await.unwrap();
    assert!(!of(&response).is_remarkable());
    drop(response);
    assert_eq!(handle.snapshot().recorded, 1);
}

#[test]
fn a_remarkable_call_is_one_line_and_a_field_of_the_span_outside() {
    let written = Log::start(tracing::Level::DEBUG);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let span = tracing::info_span!("http", decision = tracing::field::Empty);
    let entered = span.enter();
    runtime.block_on(async {
        let app: Router = Router::new()
            .route("/", get(async || "never"))
            .layer(BulkheadLayer::new(0).named("api"))
            .layer(DecisionLayer::new());
        drop(app.oneshot(request()).await.unwrap());
    });
    tracing::info!("the access log");
    drop(entered);
    let lines = written.text();
    let explained = lines
        .lines()
        .find(|line| line.contains("decision: "))
        .unwrap();
    assert!(explained.contains("DEBUG"), "{lines}");
    assert!(
        explained.contains("rejected by bulkhead `api`: all 0 places are taken"),
        "{lines}"
    );
    let log = lines
        .lines()
        .find(|line| line.contains("the access log"))
        .unwrap();
    assert!(log.contains("decision=running for"), "{log}");
}
