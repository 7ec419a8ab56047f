//! Whether to send traffic here, and when to stop.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use tokio::time::sleep;
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    circuit_breaker::{Breaker, Mode},
    health::{CheckConfig, HealthConfig, HealthLayer},
    observe::{Condition, Event, EventKind, Watch},
};
use tower_layer::Layer;

const SECOND: Duration = Duration::from_secs(1);

async fn code(layer: &HealthLayer, path: &str) -> u16 {
    let app = layer.layer(service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::new(Body::empty()))
    }));
    let request = Request::get(path).body(Body::empty()).unwrap();
    app.oneshot(request).await.unwrap().status().as_u16()
}

/// A layer whose critical check passes or fails as the switch says.
fn switched() -> (HealthLayer, Arc<AtomicBool>) {
    let passes = Arc::new(AtomicBool::new(true));
    let check = {
        let passes = passes.clone();
        move || {
            let passed = passes.load(Relaxed);
            async move { passed.then_some(()).ok_or("connection refused") }
        }
    };
    let layer = HealthLayer::new("orders", "1.0.0").critical("payments", check);
    layer.lifecycle().ready();
    (layer, passes)
}

/// HC1: active checks with thresholds, timeout and interval.
/// `critical` and `informational` checks, by default each 10 s for up to 2 s; three failures in a row turn
/// readiness, two passes turn it back.
#[tokio::test(start_paused = true)]
async fn hc1() {
    let (layer, passes) = switched();
    sleep(SECOND).await;
    assert_eq!(code(&layer, "/readyz").await, 200);
    passes.store(false, Relaxed);
    sleep(22 * SECOND).await;
    assert_eq!(
        code(&layer, "/readyz").await,
        200,
        "two failures are bad luck"
    );
    sleep(11 * SECOND).await;
    assert_eq!(code(&layer, "/readyz").await, 503);
    passes.store(true, Relaxed);
    sleep(22 * SECOND).await;
    assert_eq!(code(&layer, "/readyz").await, 200);
}

/// HC2: jitter, and an interval for when there is no traffic.
/// A tenth of the interval is left to chance, so that replicas do not ask all at once. There is no
/// slower interval without traffic: whether traffic may come is what is being found out.
#[tokio::test(start_paused = true)]
async fn hc2() {
    let runs = Arc::new(AtomicUsize::new(0));
    let config = HealthConfig {
        check: CheckConfig {
            jitter: 0.5,
            ..CheckConfig::default()
        },
        ..HealthConfig::default()
    };
    let layer = HealthLayer::from_config(config).unwrap().critical("db", {
        let runs = runs.clone();
        move || {
            runs.fetch_add(1, Relaxed);
            async { Ok::<_, BoxError>(()) }
        }
    });
    let mut gaps = Vec::new();
    let mut last = tokio::time::Instant::now();
    for n in 1..6 {
        while runs.load(Relaxed) < n {
            sleep(Duration::from_millis(50)).await;
        }
        gaps.push(last.elapsed());
        last = tokio::time::Instant::now();
    }
    drop(layer);
    let gaps = &gaps[1..];
    assert!(
        gaps.iter()
            .all(|gap| (5 * SECOND..=16 * SECOND).contains(gap)),
        "{gaps:?}"
    );
    assert!(gaps.iter().any(|gap| *gap != gaps[0]), "{gaps:?}");
}

/// HC3: liveness and readiness over HTTP.
/// `/livez`, `/readyz`, `/startupz` and `/health` (health+json), each to be moved or left out.
#[tokio::test(start_paused = true)]
async fn hc3() {
    let layer = HealthLayer::new("orders", "1.0.0");
    assert_eq!(code(&layer, "/livez").await, 200);
    assert_eq!(code(&layer, "/startupz").await, 503);
    layer.lifecycle().ready();
    for path in ["/livez", "/readyz", "/startupz", "/health"] {
        assert_eq!(code(&layer, path).await, 200, "{path}");
    }
}

/// HC4: composed of the state of breakers and limiters.
/// `watch(handle)` of any layer: it shows on `/health`. It does not turn readiness, deliberately: a
/// breaker that is open for one dependency must not take every replica out of traffic.
#[tokio::test(start_paused = true)]
async fn hc4() {
    let breaker = Breaker::new();
    let layer = HealthLayer::new("orders", "1.0.0").watch(breaker.handle());
    layer.lifecycle().ready();
    breaker.handle().force_open();
    let watched = layer.handle().snapshot().watched;
    assert_eq!(watched[0].condition, Condition::Refusing);
    assert_eq!(code(&layer, "/readyz").await, 200);
}

/// HC5: graceful drain.
/// On SIGTERM, or `stop()`: readiness 503 at once, new connections for the drain delay, GOAWAY, then
/// what runs is waited for until a deadline.
#[tokio::test(start_paused = true)]
async fn hc5() {
    let layer = HealthLayer::new("orders", "1.0.0");
    layer.lifecycle().ready();
    layer.lifecycle().stop();
    assert_eq!(code(&layer, "/readyz").await, 503);
    assert_eq!(code(&layer, "/orders").await, 200, "what comes is served");
}

/// HC6: a check that panics has failed.
/// So has one that hangs or blocks its thread; it runs again all the same.
#[tokio::test(start_paused = true)]
async fn hc6() {
    let layer = HealthLayer::new("orders", "1.0.0")
        .critical("panics", || async {
            panic!("a bug in a check") as Result<(), BoxError>
        })
        .critical("hangs", pending::<Result<(), BoxError>>);
    layer.lifecycle().ready();
    sleep(40 * SECOND).await;
    let snapshot = layer.handle().snapshot();
    assert_eq!(snapshot.obstacles.len(), 2, "{snapshot:?}");
}

/// HC7: callbacks, whatever is logged.
/// Observers and subscriptions need no feature.
#[tokio::test(start_paused = true)]
async fn hc7() {
    let (layer, passes) = switched();
    sleep(SECOND).await;
    let mut events = layer.handle().subscribe(4);
    passes.store(false, Relaxed);
    sleep(40 * SECOND).await;
    let kind = events.try_next().unwrap().kind;
    assert!(matches!(
        kind,
        EventKind::CheckChanged { passing: false, .. }
    ));
}

/// HC8: a state between well and ill.
/// A failing `informational` check and a strained layer are a `warn` on `/health`: in traffic, and visible.
#[tokio::test(start_paused = true)]
async fn hc8() {
    let check = || async { Err::<(), _>("connection refused") };
    let layer = HealthLayer::new("orders", "1.0.0").informational("recommendations", check);
    layer.lifecycle().ready();
    sleep(40 * SECOND).await;
    assert_eq!(code(&layer, "/readyz").await, 200);
    assert_eq!(layer.handle().vitals().condition, Condition::Strained);
}

/// HC9: health triggers a breaker.
/// An observer of the health layer steers the handle of the breaker: three lines, and they say which
/// check is whose.
#[tokio::test(start_paused = true)]
async fn hc9() {
    let (layer, passes) = switched();
    let breaker = Breaker::new();
    let steered = breaker.handle();
    let layer = layer.observe(move |event: &Event| match &event.kind {
        EventKind::CheckChanged {
            check,
            passing: false,
            ..
        } if check == "payments" => {
            steered.force_open();
        }
        EventKind::CheckChanged { check, .. } if check == "payments" => steered.auto(),
        _ => {}
    });
    passes.store(false, Relaxed);
    sleep(40 * SECOND).await;
    assert_eq!(breaker.handle().snapshot().mode, Mode::ForcedOpen);
    assert!(breaker.try_acquire().is_err());
    passes.store(true, Relaxed);
    sleep(40 * SECOND).await;
    breaker.try_acquire().unwrap().success();
    drop(layer);
}
