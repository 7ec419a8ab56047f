//! Dry runs, layers that are switched off, and changing both while calls run.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::{sync::Semaphore, time::Instant};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::{CircuitBreakerConfig, Mode, State},
    config::Enforce,
    context::{self, deadline},
    correlation_id::{CorrelationIdConfig, CorrelationIdLayer},
    observe::{Condition, Event, EventKind, Watch},
    retry::{MaxAttempts, RetryConfig, RetryLayer},
    timeout::{TimeoutConfig, TimeoutLayer},
};
use tower_layer::Layer;

use crate::{
    circuit_breaker::{after, layer as breaker},
    support::by_hand,
};

const S: Duration = Duration::from_secs(1);

/// Runs `n` calls at once through `layer`; how many were let in.
async fn let_in(layer: &BulkheadLayer, n: usize) -> usize {
    let gate = Arc::new(Semaphore::new(0));
    let service = layer.clone().plain().layer(service_fn({
        let gate = gate.clone();
        move |(): ()| {
            let gate = gate.clone();
            async move {
                gate.acquire().await?.forget();
                Ok::<_, BoxError>(())
            }
        }
    }));
    let calls: Vec<_> = (0..n)
        .map(|_| tokio::spawn(service.clone().oneshot(())))
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let running = layer.handle().snapshot().running;
    gate.add_permits(n);
    let mut good = 0;
    for call in calls {
        good += usize::from(call.await.unwrap().is_ok());
    }
    assert!(running <= n && good <= n);
    assert_eq!(layer.handle().snapshot().running, 0);
    good
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_in_a_dry_run_counts_what_it_would_refuse() {
    let dry = BulkheadConfig {
        enforce: Enforce::DRY_RUN,
        ..BulkheadConfig::queued(2)
    };
    let layer = BulkheadLayer::from_config(dry.clone()).unwrap();
    let handle = layer.handle();
    let mut events = handle.subscribe(10);
    // Two run, two would have waited, three would have been refused.
    assert_eq!(let_in(&layer, 7).await, 7);
    let now = handle.snapshot();
    assert_eq!((now.refused, now.would_refuse), (0, 3));
    for _ in 0..3 {
        let kind = events.try_next().unwrap().kind;
        assert!(matches!(kind, EventKind::CallWouldBeRejected { .. }));
    }
    assert_eq!(handle.vitals().condition, Condition::Normal);

    handle.update(BulkheadConfig::queued(2)).unwrap();
    assert_eq!(let_in(&layer, 7).await, 4);
    assert_eq!(handle.snapshot().refused, 3);

    fastrand::seed(7);
    let half = BulkheadConfig {
        enforce: Enforce::percent(50),
        ..BulkheadConfig::new(0)
    };
    handle.update(half).unwrap();
    let share = let_in(&layer, 200).await;
    assert!((60..140).contains(&share), "{share}");
    assert!(
        handle
            .update(BulkheadConfig {
                enforce: Enforce::percent(101),
                ..dry
            })
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_too_long_runs_if_that_is_not_enforced() {
    let config = BulkheadConfig {
        enforce: Enforce::percent(1),
        ..BulkheadConfig::queued(1)
    };
    let layer = BulkheadLayer::from_config(config).unwrap();
    let handle = layer.handle();
    let held = handle.acquire().await.unwrap();
    fastrand::seed(1);
    let start = Instant::now();
    let late = handle.acquire().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(100));
    let now = handle.snapshot();
    assert_eq!((now.running, now.waiting, now.would_refuse), (2, 0, 1));
    drop((held, late));
    assert_eq!(handle.snapshot().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_is_switched_off_and_on_while_calls_run_and_wait() {
    let layer = BulkheadLayer::from_config(BulkheadConfig::queued(1)).unwrap();
    let handle = layer.handle();
    let first = handle.acquire().await.unwrap();
    let waiting = tokio::spawn(handle.acquire());
    tokio::task::yield_now().await;
    let mut config = handle.config();
    config.enabled = false;
    handle.update(config.clone()).unwrap();
    let second = waiting.await.unwrap().unwrap();
    let third = handle.acquire().await.unwrap();
    assert_eq!(handle.snapshot().running, 3);
    assert_eq!(handle.config(), config);
    // It knows whom it let in: the next has to wait for all of them.
    config.enabled = true;
    handle.update(config).unwrap();
    drop((first, second));
    assert!(handle.acquire().await.is_err());
    drop(third);
    assert!(handle.acquire().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_that_is_off_says_nothing() {
    let heard = Arc::new(AtomicU32::new(0));
    let layer = BulkheadLayer::new(0).observe({
        let heard = heard.clone();
        move |event: &Event| {
            if !matches!(event.kind, EventKind::ConfigUpdated { .. }) {
                heard.fetch_add(1, Relaxed);
            }
        }
    });
    let mut config = BulkheadConfig::new(0);
    config.enabled = false;
    layer.handle().update(config).unwrap();
    assert_eq!(let_in(&layer, 3).await, 3);
    assert_eq!(heard.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_breakers_configuration_stands_for_its_modes_unless_somebody_steers() {
    let config = |enabled, percent| CircuitBreakerConfig {
        enabled,
        enforce: Enforce::percent(percent),
        ..after(1)
    };
    let layer = breaker(config(true, 0));
    let handle = layer.handle();
    let service = layer.plain().layer(service_fn(|(): ()| async {
        Err::<(), BoxError>("down".into())
    }));
    let call = || service.clone().oneshot(());
    let refused = |error: BoxError| error.to_string() != "down";
    assert_eq!(handle.snapshot().mode, Mode::ObserveOnly);
    let mut events = handle.subscribe(10);
    for _ in 0..2 {
        assert!(!refused(call().await.unwrap_err()));
    }
    assert_eq!(handle.snapshot().state, State::Open);
    let kind = events.try_next().unwrap().kind;
    assert!(matches!(kind, EventKind::StateChanged { .. }));
    let kind = events.try_next().unwrap().kind;
    assert!(matches!(kind, EventKind::CallWouldBeRejected { .. }));

    handle.update(config(true, 100)).unwrap();
    assert!(
        refused(call().await.unwrap_err()),
        "it goes on with what it saw"
    );
    fastrand::seed(3);
    handle.update(config(true, 50)).unwrap();
    let mut turned_away = 0;
    for _ in 0..100 {
        turned_away += u32::from(refused(call().await.unwrap_err()));
    }
    assert!((30..70).contains(&turned_away), "{turned_away}");

    handle.update(config(false, 100)).unwrap();
    assert_eq!(handle.snapshot().mode, Mode::Disabled);
    assert!(!refused(call().await.unwrap_err()));
    handle.force_open();
    assert!(refused(call().await.unwrap_err()), "a hand counts more");
    handle.auto();
    assert_eq!(handle.snapshot().mode, Mode::Disabled);
}

fn slow_app(layer: TimeoutLayer) -> Router {
    let handler = async || {
        let told = deadline().is_some();
        tokio::time::sleep(10 * S).await;
        told.to_string()
    };
    Router::new().route("/", get(handler)).layer(layer)
}

async fn ask(app: &Router) -> (StatusCode, String) {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_in_a_dry_run_tells_and_lets_the_call_run_on() {
    let config = |enabled, percent| TimeoutConfig {
        enabled,
        enforce: Enforce::percent(percent),
        timeout: Some(S),
        ..TimeoutConfig::default()
    };
    let layer = TimeoutLayer::from_config(config(true, 0)).unwrap();
    let handle = layer.handle();
    let mut events = handle.subscribe(10);
    let app = slow_app(layer);
    let ok = |told: &str| (StatusCode::OK, told.to_owned());
    assert_eq!(ask(&app).await, ok("false"), "nobody inside learns of it");
    let kind = events.try_next().unwrap().kind;
    assert!(matches!(kind, EventKind::CallWouldBeRejected { .. }));
    assert!(events.try_next().is_none());
    let now = handle.snapshot();
    assert_eq!((now.would_refuse, now.exceeded_head), (1, 0));

    handle.update(config(false, 100)).unwrap();
    assert_eq!(ask(&app).await, ok("false"));
    assert_eq!(handle.snapshot().would_refuse, 1);

    handle.update(config(true, 100)).unwrap();
    assert_eq!(ask(&app).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_body_in_a_dry_run_is_not_cut_off() {
    let config = TimeoutConfig {
        enforce: Enforce::DRY_RUN,
        timeout: Some(5 * S),
        body_idle: Some(S),
        ..TimeoutConfig::default()
    };
    let layer = TimeoutLayer::from_config(config).unwrap();
    let handle = layer.handle();
    let bodies = Mutex::new(Vec::new());
    let (sender, body) = by_hand();
    bodies.lock().unwrap().push(body);
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let body = bodies.lock().unwrap().pop().unwrap();
        async move { Ok::<_, BoxError>(Response::new(body)) }
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    let late = tokio::spawn(async move {
        tokio::time::sleep(20 * S).await;
        sender.send("late".into()).unwrap();
    });
    let body = response.into_body().collect().await.unwrap().to_bytes();
    late.await.unwrap();
    assert_eq!(body, "late");
    assert_eq!(handle.snapshot().would_refuse, 1, "told once");
}

#[tokio::test(start_paused = true)]
async fn a_retry_layer_that_is_off_sends_once() {
    let layer = RetryLayer::from_config(RetryConfig {
        enabled: false,
        ..RetryConfig::default()
    })
    .unwrap();
    let handle = layer.handle();
    let sent = Arc::new(AtomicU32::new(0));
    let service = layer.layer(service_fn({
        let sent = sent.clone();
        move |_: Request<_>| {
            sent.fetch_add(1, Relaxed);
            async { Err::<Response<Body>, BoxError>("down".into()) }
        }
    }));
    let call = || {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(MaxAttempts(5));
        service.clone().oneshot(request)
    };
    assert!(call().await.is_err());
    assert_eq!((sent.load(Relaxed), handle.snapshot().calls), (1, 0));
    handle.update(RetryConfig::default()).unwrap();
    assert!(call().await.is_err());
    assert_eq!((sent.load(Relaxed), handle.snapshot().calls), (6, 1));
}

#[tokio::test]
async fn a_correlation_id_layer_that_is_off_leaves_requests_alone() {
    let layer = CorrelationIdLayer::new();
    let config = CorrelationIdConfig {
        enabled: false,
        ..CorrelationIdConfig::default()
    };
    layer.handle().update(config).unwrap();
    let outer = CorrelationIdLayer::new();
    let seen = || {
        get(async || {
            context::correlation_id()
                .map(|id| id.to_string())
                .unwrap_or_default()
        })
    };
    let ask = async |app: Router| {
        let request = Request::get("/").header("x-correlation-id", "order-17");
        let response = app
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let header = response.headers().contains_key("x-correlation-id");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (header, body)
    };
    let alone = Router::new().route("/", seen()).layer(layer.clone());
    assert_eq!(ask(alone).await, (false, "".into()));
    let both = ServiceBuilder::new().layer(outer).layer(layer);
    let inside = Router::new().route("/", seen()).layer(both);
    assert_eq!(ask(inside).await, (true, "order-17".into()));
}
