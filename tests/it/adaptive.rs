//! The limit that adapts, from outside; what it shares with other libraries' is in `parity`.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, yield_now},
    time::{Instant, sleep},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep::{
    adaptive::{
        AdaptiveConfig, AdaptiveHandle, AdaptiveLayer, Algorithm, AlgorithmConfig, Measure, Sample,
        Step, VegasConfig,
    },
    classify::Verdict,
    config::Enforce,
    context::Deadline,
    observe::{Condition, Event, EventKind, Watch},
    rejection::{Kind, Rejection},
};

use crate::support::{QuoteError, by_hand};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Well,
    Busy,
    Badly,
}

/// A call: how long it takes and how it ends.
pub(crate) type Work = (Duration, Ends);
pub(crate) type Calls = BoxCloneSyncService<Work, (), QuoteError>;

async fn work((takes, ends): Work) -> Result<(), QuoteError> {
    if !takes.is_zero() {
        sleep(takes).await;
    }
    match ends {
        Ends::Well => Ok(()),
        Ends::Busy => Err(QuoteError::Busy),
        Ends::Badly => Err(QuoteError::UnknownSymbol),
    }
}

/// A service that takes as many calls at once as come, under this limit.
pub(crate) fn free(layer: AdaptiveLayer) -> Calls {
    limited(layer, BoxCloneSyncService::new(service_fn(work)))
}

/// A service that works on so many calls at once, under this limit.
pub(crate) fn busy(layer: AdaptiveLayer, workers: usize) -> Calls {
    let workers = Arc::new(Semaphore::new(workers));
    let service = service_fn(move |call| {
        let workers = workers.clone();
        async move {
            let _worker = workers.acquire().await.expect("it is never closed");
            work(call).await
        }
    });
    limited(layer, BoxCloneSyncService::new(service))
}

fn limited(layer: AdaptiveLayer, service: Calls) -> Calls {
    let layer = layer
        .plain()
        .classify(|outcome: &Result<(), QuoteError>| match outcome {
            Ok(()) => Verdict::success(),
            Err(QuoteError::Busy) => Verdict::overload(),
            Err(_) => Verdict::failure(),
        });
    BoxCloneSyncService::new(layer.layer(service))
}

/// So many callers, each with one call after another, for a while.
pub(crate) async fn load(service: &Calls, callers: usize, call: Work, time: Duration) {
    let end = Instant::now() + time;
    join_all((0..callers).map(|_| async {
        while Instant::now() < end {
            if let Err(QuoteError::Rejected(_)) = service.clone().oneshot(call).await {
                sleep(20 * MS).await;
            }
        }
    }))
    .await;
}

/// What `layer` tells of its limit and its configuration, from now on.
pub(crate) fn changes(layer: AdaptiveLayer) -> (AdaptiveLayer, Arc<Mutex<Vec<String>>>) {
    let changes = Arc::<Mutex<Vec<String>>>::default();
    let kept = changes.clone();
    let layer = layer.observe(move |event: &Event| {
        if let EventKind::LimitChanged { .. } | EventKind::ConfigUpdated { .. } = event.kind {
            kept.lock().unwrap().push(event.kind.to_string());
        }
    });
    (layer, changes)
}

/// A call in a task of its own, which has come as far as it can.
pub(crate) async fn begin(service: &Calls, call: Work) -> JoinHandle<Result<(), QuoteError>> {
    let task = tokio::spawn(service.clone().oneshot(call));
    yield_now().await;
    task
}

/// A limit that stays where it is.
pub(crate) fn fixed(limit: usize) -> AdaptiveConfig {
    AdaptiveConfig {
        initial_limit: limit,
        min_limit: limit,
        max_limit: limit,
        ..AdaptiveConfig::server()
    }
}

pub(crate) fn layer(config: AdaptiveConfig) -> (AdaptiveLayer, AdaptiveHandle) {
    let layer = AdaptiveLayer::from_config(config).unwrap();
    let handle = layer.handle();
    (layer, handle)
}

pub(crate) fn in_flight(handle: &AdaptiveHandle) -> usize {
    handle.snapshot().in_flight
}

pub(crate) const LONG: Work = (Duration::from_secs(1000), Ends::Well);

#[tokio::test(start_paused = true)]
async fn a_call_too_many_gets_503_and_when_to_come_back() {
    let layer = AdaptiveLayer::from_config(fixed(1)).unwrap().named("api");
    let app: Router = Router::new()
        .route("/", get(std::future::pending::<&str>))
        .layer(layer);
    let request = || Request::get("/").body(Body::empty()).unwrap();
    let mut first = Box::pin(app.clone().oneshot(request()));
    assert!((&mut first).now_or_never().is_none());
    let response = app.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let rejection = Rejection::of(&response).unwrap();
    assert_eq!(*rejection.kind(), Kind::ConcurrencyLimited { limit: 1 });
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["executed"], false);
    assert_eq!(problem["layer"], "adaptive");
    assert_eq!(problem["name"], "api");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_held_to_the_end_of_the_body_and_measured_to_the_head() {
    for (measure, latency) in [(Measure::Head, 10), (Measure::End, 60)] {
        let (layer, handle) = layer(AdaptiveConfig {
            measure,
            min_samples: 5,
            window: MS,
            ..AdaptiveConfig::server()
        });
        let service = layer.layer(service_fn(|_: Request<()>| async {
            sleep(10 * MS).await;
            let (frames, body) = by_hand();
            tokio::spawn(async move {
                sleep(50 * MS).await;
                frames.send(Bytes::from_static(b"end")).unwrap();
            });
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        }));
        for _ in 0..5 {
            let response = service.clone().oneshot(Request::new(())).await.unwrap();
            assert_eq!(in_flight(&handle), 1, "the head is there, the end is not");
            response.into_body().collect().await.unwrap();
            assert_eq!(in_flight(&handle), 0);
        }
        let measured = handle.snapshot().window.unwrap().latency;
        let expected = latency * MS;
        assert!(
            measured >= expected - 2 * MS && measured <= expected + 5 * MS,
            "{measure:?}: {measured:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_in_order_and_ends_with_the_wait_or_the_deadline() {
    let (layer, handle) = layer(AdaptiveConfig {
        queue_from: 4.0,
        queue_to: 4.0,
        ..fixed(1)
    });
    let service = free(layer);
    let running = begin(&service, (50 * MS, Ends::Well)).await;
    let first = begin(&service, (50 * MS, Ends::Well)).await;
    let second = begin(&service, (MS, Ends::Well)).await;
    let soon = Deadline::after(20 * MS).scope(service.clone().oneshot(LONG));
    let start = Instant::now();
    let Err(QuoteError::Rejected(rejection)) = soon.await else {
        panic!("it must not wait beyond its deadline")
    };
    assert_eq!(start.elapsed().as_millis(), 20);
    assert!(matches!(rejection.kind(), Kind::QueueTimeout { .. }));
    assert_eq!(handle.snapshot().waiting, 2);
    running.await.unwrap().unwrap();
    sleep(MS).await;
    assert!(!first.is_finished() && !second.is_finished(), "one by one");
    let Err(QuoteError::Rejected(_)) = second.await.unwrap() else {
        panic!("the second has waited for 100 ms when the first ends")
    };
    first.await.unwrap().unwrap();
    let now = handle.snapshot();
    assert_eq!((now.in_flight, now.waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_loses_no_place_and_no_turn() {
    let (layer, handle) = layer(AdaptiveConfig {
        queue_from: 4.0,
        queue_to: 4.0,
        ..fixed(1)
    });
    let service = free(layer);
    let running = begin(&service, LONG).await;
    let leaves = begin(&service, LONG).await;
    let stays = begin(&service, (MS, Ends::Well)).await;
    leaves.abort();
    let _ = leaves.await;
    assert_eq!(handle.snapshot().waiting, 1);
    running.abort();
    let _ = running.await;
    stays.await.unwrap().unwrap();
    assert_eq!(in_flight(&handle), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_lets_all_in_and_tells_whom_it_would_not() {
    let would_be = Arc::new(AtomicUsize::new(0));
    let count = would_be.clone();
    let (layer, handle) = layer(AdaptiveConfig {
        enforce: Enforce::DRY_RUN,
        ..fixed(2)
    });
    let service = free(layer.observe(move |event: &Event| {
        if let EventKind::CallWouldBeRejected { .. } = event.kind {
            count.fetch_add(1, SeqCst);
        }
    }));
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(begin(&service, (MS, Ends::Well)).await);
    }
    assert_eq!(in_flight(&handle), 5);
    assert_eq!(would_be.load(SeqCst), 3);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((in_flight(&handle), handle.snapshot().refused), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn it_is_switched_off_and_on_while_calls_run() {
    let (layer, handle) = layer(AdaptiveConfig {
        queue_from: 1.0,
        queue_to: 1.0,
        ..fixed(1)
    });
    let service = free(layer);
    let mut calls = vec![begin(&service, LONG).await, begin(&service, LONG).await];
    assert_eq!(handle.snapshot().waiting, 1);
    let on = handle.config();
    let off = AdaptiveConfig {
        enabled: false,
        ..on.clone()
    };
    handle.update(off).unwrap();
    yield_now().await;
    calls.push(begin(&service, LONG).await);
    let now = handle.snapshot();
    assert_eq!((now.in_flight, now.waiting, now.enabled), (3, 0, false));
    assert_eq!(handle.vitals().condition, Condition::Normal);
    handle.update(on).unwrap();
    calls.push(begin(&service, LONG).await);
    let now = handle.snapshot();
    assert_eq!(
        (now.in_flight, now.waiting),
        (3, 1),
        "those who are in count"
    );
    assert_eq!(handle.vitals().condition, Condition::Strained);
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_what_is_known() {
    let (layer, handle) = layer(AdaptiveConfig::server());
    let (layer, kinds) = changes(layer);
    let service = free(layer);
    load(&service, 50, (10 * MS, Ends::Well), 5000 * MS).await;
    let before = handle.snapshot();
    assert!(before.limit >= 50, "{before:?}");
    let config = AdaptiveConfig {
        algorithm: AlgorithmConfig::Vegas(VegasConfig::default()),
        max_limit: 30,
        ..handle.config()
    };
    handle.update(config.clone()).unwrap();
    let now = handle.snapshot();
    assert_eq!((now.limit, now.baseline), (30, before.baseline));
    let kinds = std::mem::take(&mut *kinds.lock().unwrap());
    let told = |text: &str| kinds.iter().any(|kind| kind.contains(text));
    assert!(told("max_limit: 1000 -> 30"), "{kinds:?}");
    assert!(told("-> 30 (configuration updated)"), "{kinds:?}");

    let renamed = AdaptiveConfig {
        partitions: [("new".to_owned(), 10)].into(),
        ..config
    };
    let error = handle.update(renamed).unwrap_err();
    assert_eq!(error.field(), "partitions");
    load(&service, 50, (10 * MS, Ends::Well), 1000 * MS).await;
    assert!(
        handle.snapshot().baseline.unwrap() < 15 * MS,
        "Vegas goes on from it"
    );
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_of_your_own_moves_the_limit_and_may_panic() {
    struct Mine(u32);
    impl Algorithm for Mine {
        fn next(&mut self, limit: f64, sample: &Sample) -> Step {
            self.0 += 1;
            assert!(self.0 != 2, "the second window is too much for it");
            assert!(sample.calls >= 20);
            Step::new(limit * 2.0, "mine")
        }
    }
    let layer = AdaptiveLayer::with_algorithm(AdaptiveConfig::server(), Mine(0)).unwrap();
    let handle = layer.handle();
    let service = free(layer);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let windows = handle.snapshot().windows;
        while handle.snapshot().windows == windows {
            load(&service, 200, (10 * MS, Ends::Well), 10 * MS).await;
        }
        let now = handle.snapshot();
        seen.push((now.limit, now.reason));
    }
    assert_eq!(
        seen,
        [(40, "mine"), (40, "the algorithm failed"), (80, "mine")]
    );
}

#[tokio::test(start_paused = true)]
async fn exempt_calls_need_no_place() {
    let (layer, handle) = layer(fixed(1));
    let app: Router = Router::new()
        .route("/", get(std::future::pending::<&str>))
        .route("/livez", get(|| async { "alive" }))
        .layer(layer.exempt(|head| head.uri.path() == "/livez"));
    let request = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let mut first = Box::pin(app.clone().oneshot(request("/")));
    assert!((&mut first).now_or_never().is_none());
    assert_eq!(in_flight(&handle), 1);
    for (path, status) in [("/livez", 200), ("/", 503)] {
        let response = app.clone().oneshot(request(path)).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[test]
fn a_configuration_is_read_and_written_and_names_what_is_wrong() {
    for config in [AdaptiveConfig::server(), AdaptiveConfig::client()] {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<AdaptiveConfig>(&text).unwrap(),
            config
        );
    }
    let table = [
        (r#"{"initial_limit": 2}"#, "initial_limit"),
        (r#"{"max_limit": 3}"#, "max_limit"),
        (r#"{"max_limit": 4294967295}"#, "max_limit"),
        (r#"{"window": "0s"}"#, "window"),
        (r#"{"window": "1m"}"#, "max_window"),
        (r#"{"min_samples": 0}"#, "min_samples"),
        (r#"{"quantile": 1.0}"#, "quantile"),
        (r#"{"drop_share": -0.1}"#, "drop_share"),
        (r#"{"queue_from": 2.0}"#, "queue_to"),
        (r#"{"queue_to": 1e9}"#, "queue_to"),
        (r#"{"partitions": {"a": 60, "b": 50}}"#, "partitions"),
        (r#"{"partitions": {"a": 0}}"#, "partitions"),
        (r#"{"enforce": 101}"#, "enforce"),
        (r#"{"algorithm": {"aimd": {"backoff": 1.0}}}"#, "algorithm"),
        (r#"{"algorithm": {"aimd": {"increase": 0}}}"#, "algorithm"),
        (
            r#"{"algorithm": {"gradient": {"tolerance": 0.9}}}"#,
            "algorithm",
        ),
        (r#"{"algorithm": {"vegas": {"alpha": 7}}}"#, "algorithm"),
    ];
    for (text, field) in table {
        let config: AdaptiveConfig = serde_json::from_str(text).unwrap();
        let error = AdaptiveLayer::from_config(config).unwrap_err();
        assert_eq!(error.field(), field, "{text}: {error}");
    }
    assert!(serde_json::from_str::<AdaptiveConfig>(r#"{"max": 3}"#).is_err());
}
