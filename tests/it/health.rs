//! Probes and checks from outside; the shutdown is in `lifecycle.rs`.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    health::{CheckConfig, Details, HealthConfig, HealthLayer, Probe, Standing, datastore},
    observe::{Condition, EventKind, Watch},
};
use tower_layer::Layer;
use tower_service::Service;

/// What a probe says: status and body.
async fn ask(layer: &HealthLayer, path: &str) -> (u16, String) {
    let app = layer.layer(service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::new(Body::from("from the service")))
    }));
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn code(layer: &HealthLayer, path: &str) -> u16 {
    ask(layer, path).await.0
}

async fn page(layer: &HealthLayer) -> serde_json::Value {
    serde_json::from_str(&ask(layer, "/health").await.1).unwrap()
}

/// A layer that has started, and a switch: whether its critical check `db` passes.
fn switched() -> (HealthLayer, Arc<AtomicBool>) {
    let passes = Arc::new(AtomicBool::new(true));
    let check = {
        let passes = passes.clone();
        move || {
            let passed = passes.load(Relaxed);
            async move { passed.then_some(()).ok_or("connection refused") }
        }
    };
    let layer = started(HealthLayer::new("orders", "1.2.3").critical("db", check));
    (layer, passes)
}

fn started(layer: HealthLayer) -> HealthLayer {
    layer.lifecycle().ready();
    layer
}

/// One interval later, jitter included.
async fn after_runs(n: u32) {
    sleep(Duration::from_secs(11) * n).await;
}

#[tokio::test(start_paused = true)]
async fn liveness_asks_nobody_and_readiness_asks_everything_critical() {
    let layer = HealthLayer::default().critical("db", || async { Err::<(), _>("down") });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(ask(&layer, "/livez").await, (200, "alive\n".into()));
    assert_eq!(ask(&layer, "/startupz").await, (503, "starting\n".into()));
    assert_eq!(
        ask(&layer, "/readyz").await,
        (503, "not ready: starting; check db fails\n".into())
    );
    layer.lifecycle().ready();
    assert_eq!(code(&layer, "/startupz").await, 200);
    assert_eq!(
        ask(&layer, "/readyz").await,
        (503, "not ready: check db fails\n".into())
    );
    assert_eq!(code(&layer, "/livez").await, 200);
    assert_eq!(ask(&layer, "/orders").await.1, "from the service");
}

#[tokio::test(start_paused = true)]
async fn probes_are_get_or_head_and_are_never_stored() {
    let layer = started(HealthLayer::default());
    let app = layer.layer(service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::new(Body::empty()))
    }));
    let send = |method, path| {
        let request = Request::builder().method(method).uri(path);
        app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    for path in ["/livez", "/readyz?verbose", "/startupz", "/health"] {
        let got = send(Method::GET, path).await.unwrap();
        let head = send(Method::HEAD, path).await.unwrap();
        assert_eq!(
            (got.status(), head.status()),
            (StatusCode::OK, StatusCode::OK)
        );
        assert_eq!(got.headers()["cache-control"], "no-store");
        if path != "/health" {
            assert_eq!(got.headers(), head.headers(), "{path}");
        }
        let length = got.into_body().collect().await.unwrap().to_bytes().len();
        assert_ne!(length, 0);
        assert!(
            head.into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
        let posted = send(Method::POST, path).await.unwrap();
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(posted.headers()["allow"], "GET, HEAD");
    }
    let probe = send(Method::GET, "/readyz").await.unwrap();
    assert_eq!(probe.extensions().get(), Some(&Probe::Ready));
    let call = send(Method::GET, "/readyzz").await.unwrap();
    assert_eq!(call.extensions().get::<Probe>(), None);
}

#[tokio::test(start_paused = true)]
async fn paths_are_yours_to_choose_or_to_leave_out() {
    let mut config = HealthConfig::default();
    config.paths.live = "/-/alive".into();
    config.paths.health = String::new();
    let layer = HealthLayer::from_config(config.clone()).unwrap();
    assert_eq!(code(&layer, "/-/alive").await, 200);
    for path in ["/livez", "/health"] {
        assert_eq!(ask(&layer, path).await.1, "from the service");
    }
    config.paths.live = "/livez".into();
    let error = layer.handle().update(config).unwrap_err();
    assert_eq!(error.field(), "paths");
}

#[tokio::test(start_paused = true)]
async fn one_bad_reading_does_not_flip_readiness_and_neither_does_one_good_one() {
    let (layer, passes) = switched();
    assert_eq!(code(&layer, "/readyz").await, 503, "no result yet");
    after_runs(1).await;
    let mut events = layer.handle().subscribe(8);
    assert_eq!(code(&layer, "/readyz").await, 200);
    passes.store(false, Relaxed);
    after_runs(1).await;
    assert_eq!(code(&layer, "/readyz").await, 200, "it has begun to fail");
    assert_eq!(page(&layer).await["status"], "warn");
    after_runs(3).await;
    assert_eq!(code(&layer, "/readyz").await, 503);
    passes.store(true, Relaxed);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(code(&layer, "/readyz").await, 200);
    let mut flips = Vec::new();
    while let Some(event) = events.try_next() {
        if let EventKind::CheckChanged {
            passing, output, ..
        } = event.kind
        {
            flips.push((passing, output));
        }
    }
    let expected = [(false, "connection refused".into()), (true, "ok".into())];
    assert_eq!(flips, expected);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_flaps_leaves_readiness_where_it_was() {
    let runs = Arc::new(AtomicUsize::new(0));
    let check = {
        let runs = runs.clone();
        move || {
            let even = runs.fetch_add(1, Relaxed).is_multiple_of(2);
            async move { even.then_some(()).ok_or("flap") }
        }
    };
    let layer = started(HealthLayer::default().critical("db", check));
    for _ in 0..20 {
        after_runs(1).await;
        assert_eq!(code(&layer, "/readyz").await, 200);
    }
    assert!(runs.load(Relaxed) > 15);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_has_failed_and_hangs_nobody() {
    let layer = started(HealthLayer::default().critical("db", pending::<Result<(), BoxError>>));
    sleep(Duration::from_millis(1999)).await;
    let unknown = ask(&layer, "/readyz").await.1;
    assert_eq!(unknown, "not ready: check db has no result yet\n");
    sleep(Duration::from_millis(2)).await;
    let before = tokio::time::Instant::now();
    let failed = ask(&layer, "/readyz").await.1;
    assert_eq!(failed, "not ready: check db fails\n");
    let entry = &page(&layer).await["checks"]["db:responseTime"][0];
    assert_eq!(entry["output"], "no answer within 2s");
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// Threads are real here, so time is as well; the test waits for events, not for times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_blocks_its_thread_goes_on_failing_and_runs_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let check = {
        let runs = runs.clone();
        move || {
            runs.fetch_add(1, Relaxed);
            // An error means that it was released.
            let _ = released.lock().unwrap().recv();
            async { Ok::<_, BoxError>(()) }
        }
    };
    let mut config = HealthConfig::default();
    config.check.interval = Duration::from_millis(1);
    config.check.timeout = Duration::from_millis(1);
    let layer = HealthLayer::from_config(config).unwrap();
    let layer = started(layer.critical("db", check));
    let said = || layer.handle().snapshot().checks[0].output.clone();
    while said().as_deref() != Some("the run before has not returned yet") {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(code(&layer, "/livez").await, 200);
    assert_eq!(code(&layer, "/readyz").await, 503);
    assert_eq!(runs.load(Relaxed), 1, "no second one on top of it");
    drop(release);
    while code(&layer, "/readyz").await != 200 {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_has_failed_and_goes_on() {
    let runs = Arc::new(AtomicUsize::new(0));
    let check = {
        let runs = runs.clone();
        move || {
            let first = runs.fetch_add(1, Relaxed) == 0;
            async move {
                assert!(!first, "out of cheese");
                Ok::<_, BoxError>(())
            }
        }
    };
    let layer = started(HealthLayer::default().critical("db", check));
    sleep(Duration::from_secs(1)).await;
    let check = &layer.handle().snapshot().checks[0];
    assert_eq!(check.standing, Standing::Failing);
    assert_eq!(check.output.as_deref(), Some("panicked: out of cheese"));
    after_runs(2).await;
    assert_eq!(code(&layer, "/readyz").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_probes_a_second_cause_one_run_for_each_interval() {
    let runs = Arc::new(AtomicUsize::new(0));
    let check = {
        let runs = runs.clone();
        move || {
            runs.fetch_add(1, Relaxed);
            async { Ok::<_, BoxError>(()) }
        }
    };
    let layer = started(HealthLayer::default().critical("db", check));
    for _ in 0..12_000 {
        assert!(layer.handle().snapshot().watched.is_empty());
        code(&layer, "/readyz").await;
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(runs.load(Relaxed), 2, "one at once, one after the interval");
}

#[tokio::test(start_paused = true)]
async fn checks_stop_when_the_last_of_the_layer_is_gone() {
    let probe = Arc::new(());
    let check = {
        let held = probe.clone();
        move || {
            let _held = held.clone();
            async { Ok::<_, BoxError>(()) }
        }
    };
    let layer = HealthLayer::default().critical("db", check);
    let handle = layer.handle();
    let service = layer.layer(());
    after_runs(1).await;
    drop((layer, service));
    after_runs(1).await;
    assert_eq!(Arc::strong_count(&probe), 2, "the handle keeps it running");
    drop(handle);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&probe), 1);
}

#[test]
fn checks_of_a_layer_that_was_made_outside_a_runtime_start_with_the_first_probe() {
    let layer = started(HealthLayer::default().critical("db", || async { Ok::<_, BoxError>(()) }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        assert_eq!(code(&layer, "/readyz").await, 503);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(code(&layer, "/readyz").await, 200);
    });
}

#[tokio::test(start_paused = true)]
async fn a_saturated_service_is_alive() {
    let layer = started(HealthLayer::default());
    // One place, taken in `poll_ready`, which is where it hurts.
    let mut app = ServiceBuilder::new()
        .layer(layer.clone())
        .concurrency_limit(1)
        .service(service_fn(|request: Request<Full<Bytes>>| async move {
            if request.uri().path() == "/forever" {
                pending::<()>().await;
            }
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::from("done")))
        }));
    let request = |path| Request::get(path).body(Full::default()).unwrap();
    let forever = app.ready().await.unwrap().call(request("/forever"));
    let mut second = app.clone();
    let alive = second.ready().await.unwrap().call(request("/livez")).await;
    assert_eq!(alive.unwrap().status(), StatusCode::OK);
    let waiting = tokio::spawn(second.ready().await.unwrap().call(request("/soon")));
    sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    assert_eq!(layer.lifecycle().in_flight(), 2);
    drop(forever);
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(layer.lifecycle().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_layer_in_trouble_is_a_warning_and_no_more() {
    let bulkhead = BulkheadLayer::new(1).named("reports");
    let layer = started(HealthLayer::default().watch(bulkhead.handle()));
    let app = Router::new()
        .route("/", get(pending::<()>))
        .layer(bulkhead.clone())
        .layer(layer.clone());
    assert_eq!(page(&layer).await["status"], "pass");
    let call = app.oneshot(Request::get("/").body(Body::empty()).unwrap());
    let running = tokio::spawn(call);
    sleep(Duration::from_millis(1)).await;
    let page = page(&layer).await;
    assert_eq!(page["status"], "warn", "{page}");
    assert_eq!(page["checks"]["reports:bulkhead"][0]["status"], "warn");
    assert_eq!(code(&layer, "/health").await, 200);
    assert_eq!(code(&layer, "/readyz").await, 200);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn maintenance_takes_it_out_of_traffic_by_hand() {
    let layer = started(HealthLayer::new("orders", "1.2.3"));
    let handle = layer.handle();
    assert_eq!(handle.vitals().condition, Condition::Normal);
    handle.maintenance("moving house");
    assert_eq!(
        ask(&layer, "/readyz").await,
        (503, "not ready: maintenance: moving house\n".into())
    );
    assert_eq!(handle.vitals().condition, Condition::Refusing);
    assert_eq!(ask(&layer, "/orders").await.0, 200, "what comes is served");
    handle.resume();
    assert!(handle.snapshot().is_ready());
}

#[tokio::test(start_paused = true)]
async fn thresholds_and_intervals_change_while_it_runs() {
    let (layer, passes) = switched();
    sleep(Duration::from_millis(1)).await;
    passes.store(false, Relaxed);
    let mut config = layer.handle().config();
    let hasty = CheckConfig {
        interval: Duration::from_millis(100),
        fall: 1,
        ..CheckConfig::default()
    };
    config.checks.insert("db".into(), hasty);
    layer.handle().update(config).unwrap();
    sleep(Duration::from_millis(120)).await;
    assert_eq!(code(&layer, "/readyz").await, 503);
}

#[tokio::test(start_paused = true)]
async fn the_page_has_the_shape_of_the_draft() {
    let cache = || async { Err::<(), _>("é".repeat(1000)) };
    let layer = HealthLayer::new("orders", "1.2.3")
        .critical("db", datastore(|| async { Ok::<_, BoxError>(()) }))
        .informational("cache", cache)
        .watch(BulkheadLayer::new(1).named("reports").handle());
    sleep(Duration::from_millis(1500)).await;
    let mut page = page(&layer).await;
    for entry in page["checks"].as_object_mut().unwrap().values_mut() {
        let time = entry[0]["time"].take();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    }
    let output = page["checks"]["cache:responseTime"][0]["output"].take();
    assert_eq!(output.as_str().unwrap(), "é".repeat(128) + "…", "bounded");
    let expected = serde_json::json!({
        "status": "fail",
        "version": "1.2.3",
        "serviceId": "orders",
        "notes": ["starting"],
        "checks": {
            "db:responseTime": [{
                "componentType": "datastore", "status": "pass", "time": null,
                "observedValue": 0.0, "observedUnit": "ms",
            }],
            "cache:responseTime": [{
                "componentType": "component", "status": "warn", "time": null,
                "observedValue": 0.0, "observedUnit": "ms", "output": null,
            }],
            "reports:bulkhead": [{
                "componentType": "component", "status": "pass", "time": null,
                "observedValue": "normal",
            }],
            "lifecycle": [{
                "componentType": "system", "status": "fail", "time": null,
                "observedValue": "starting",
            }],
            "uptime": [{
                "componentType": "system", "status": "pass", "time": null,
                "observedValue": 1.5, "observedUnit": "s",
            }],
        },
    });
    assert_eq!(page, expected);
}

#[tokio::test(start_paused = true)]
async fn strangers_see_the_status_alone() {
    let config = HealthConfig {
        details: Details::StatusOnly,
        ..HealthConfig::service("orders", "1.2.3")
    };
    let layer = started(HealthLayer::from_config(config).unwrap());
    let expected = (200, r#"{"status":"pass"}"#.into());
    assert_eq!(ask(&layer, "/health").await, expected);
}
