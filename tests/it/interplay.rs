//! What the layers make of each other: the stacks of the README, and a handler that passes on what a
//! client got.

use std::{
    cell::RefCell,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadHandle, BulkheadLayer},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerHandle, CircuitBreakerLayer, State},
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    health::HealthLayer,
    observe::{Event, EventKind},
    rejection::{Kind, Rejection},
    retry::{ReplayBody, RetryConfig, RetryHandle, RetryLayer},
    timeout::{HeaderTrust, RequestBodyTimeoutLayer, TimeoutConfig, TimeoutLayer},
};
use tower_keep_test::contract::Contract;

const S: Duration = Duration::from_secs(1);

fn request() -> Request<Body> {
    Request::get("/").body(Body::empty()).unwrap()
}

/// The handles of a client's stack.
struct Handles {
    retry: RetryHandle,
    breaker: CircuitBreakerHandle,
    bulkhead: BulkheadHandle,
}

/// The client's stack of the README: 5 s for all, 1 s for an attempt, up to `attempts` of them.
macro_rules! client {
    ($attempts:expr, $bulkhead:expr) => {{
        let retry = RetryLayer::from_config(RetryConfig {
            max_attempts: $attempts,
            ..RetryConfig::default()
        })
        .unwrap();
        let breaker = CircuitBreakerLayer::from_config(CircuitBreakerConfig {
            consecutive_failures: None,
            min_calls: 1000,
            ..CircuitBreakerConfig::default()
        })
        .unwrap();
        let bulkhead = BulkheadLayer::from_config($bulkhead).unwrap();
        let handles = Handles {
            retry: retry.handle(),
            breaker: breaker.handle(),
            bulkhead: bulkhead.handle(),
        };
        let layers = ServiceBuilder::new()
            .layer(TimeoutLayer::new(5 * S))
            .layer(retry)
            .layer(PropagateLayer::new())
            .layer(breaker)
            .layer(bulkhead)
            .layer(TimeoutLayer::from_config(TimeoutConfig::attempt(S)).unwrap());
        (layers, handles)
    }};
}

#[tokio::test(start_paused = true)]
async fn attempts_end_with_the_deadline_and_each_is_a_span_of_its_own() {
    let (layers, handles) = client!(100, BulkheadConfig::new(1));
    let seen = Arc::new(Mutex::new(Vec::<HeaderMap>::new()));
    let client = layers.service(service_fn({
        let seen = seen.clone();
        move |request: Request<ReplayBody<Body>>| {
            seen.lock().unwrap().push(request.headers().clone());
            std::future::pending::<Result<Response<Body>, Infallible>>()
        }
    }));
    let begin = Instant::now();
    let answer = client.oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(begin.elapsed() <= 5 * S, "{:?}", begin.elapsed());
    drop(answer);
    let seen = seen.lock().unwrap();
    let attempts = seen.len() as u64;
    assert!((3..=20).contains(&attempts), "{attempts}");
    for (n, headers) in seen.iter().enumerate() {
        let left = headers["x-request-timeout"].to_str().unwrap();
        let left: u64 = left.strip_suffix("ms").unwrap().parse().unwrap();
        assert!(left <= 1000);
        assert_eq!(headers["x-correlation-id"].len(), 36);
        for other in &seen[..n] {
            assert_ne!(headers["traceparent"], other["traceparent"]);
        }
    }
    assert_eq!(handles.retry.snapshot().retries, attempts - 1);
    let now = handles.breaker.snapshot();
    assert_eq!((now.failures, now.calls), (attempts, attempts));
    assert_eq!(handles.bulkhead.snapshot().running, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_queue_until_its_deadline_was_no_failure_of_the_service() {
    let (layers, handles) = client!(
        3,
        BulkheadConfig {
            max_wait: 60 * S,
            ..BulkheadConfig::queued(1)
        }
    );
    let client = layers.service(service_fn(|_: Request<ReplayBody<Body>>| async {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    let _taken = handles.bulkhead.acquire().await.unwrap();
    let answer = client.oneshot(request()).await.unwrap();
    assert!(Rejection::of(&answer).unwrap().is_unexecuted());
    assert_eq!(handles.breaker.snapshot().calls, 0);
    assert_eq!(handles.retry.snapshot().retries, 0);
    assert_eq!(handles.bulkhead.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_a_handler_passes_on_is_no_failure_of_the_handler() {
    let outer = CircuitBreakerLayer::new();
    let inner = CircuitBreakerLayer::new().named("payments");
    let handles = (outer.handle(), inner.handle());
    let retry = RetryLayer::default();
    let retries = retry.handle();
    let client = ServiceBuilder::new()
        .layer(inner)
        .service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::from("paid")))
        });
    let app: Router = Router::new()
        .route(
            "/",
            get(async move || {
                let answer = client.oneshot(request()).await.unwrap();
                answer.map(Body::new)
            }),
        )
        .layer(ServiceBuilder::new().layer(retry).layer(outer));
    handles.1.force_open();
    for _ in 0..30 {
        let answer = app.clone().oneshot(request()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let rejection = Rejection::of(&answer).unwrap();
        assert_eq!(
            (rejection.layer(), rejection.name()),
            ("circuit_breaker", "payments")
        );
    }
    assert_eq!(handles.0.snapshot().state, State::Closed);
    assert_eq!(handles.0.snapshot().calls, 0);
    assert_eq!(retries.snapshot().retries, 0);
}

fn two_seconds_for_the_head() -> TimeoutLayer {
    let config = TimeoutConfig {
        timeout: Some(2 * S),
        ..TimeoutConfig::streaming()
    };
    TimeoutLayer::from_config(config).unwrap()
}

/// Five frames, one a second.
fn five_ticks() -> Body {
    let ticks = stream::iter(0..5).then(async |_| {
        sleep(S).await;
        Ok::<_, Infallible>("tick")
    });
    Body::from_stream(ticks)
}

#[tokio::test(start_paused = true)]
async fn a_deadline_for_the_head_does_not_end_a_body_that_a_handler_passes_on() {
    let client = ServiceBuilder::new()
        .layer(TimeoutLayer::new(10 * S))
        .service(service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(five_ticks()))
        }));
    let app: Router = Router::new()
        .route(
            "/",
            get(async move || client.oneshot(request()).await.unwrap().map(Body::new)),
        )
        .layer(two_seconds_for_the_head());
    let answer = app.oneshot(request()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), 5 * "tick".len());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_for_the_head_ends_a_body_that_the_handler_reads_itself() {
    let client = ServiceBuilder::new()
        .layer(TimeoutLayer::new(10 * S))
        .service(service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(five_ticks()))
        }));
    let app: Router = Router::new()
        .route(
            "/",
            get(async move || {
                let answer = client.oneshot(request()).await.unwrap();
                let error = answer.into_body().collect().await.unwrap_err();
                let rejection = Rejection::find(&*error).unwrap();
                assert!(matches!(rejection.kind(), Kind::DeadlineExceeded { .. }));
                "cut off"
            }),
        )
        .layer(two_seconds_for_the_head());
    let begin = Instant::now();
    let answer = app.oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(begin.elapsed(), 2 * S);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_drops_a_body_that_is_passed_on_frees_the_places_of_both() {
    let places = [BulkheadLayer::new(1), BulkheadLayer::new(1)];
    let handles = places.each_ref().map(BulkheadLayer::handle);
    let [outer, inner] = places;
    let client = ServiceBuilder::new()
        .layer(inner)
        .service(service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(five_ticks()))
        }));
    let app: Router = Router::new()
        .route(
            "/",
            get(async move || client.oneshot(request()).await.unwrap().map(Body::new)),
        )
        .layer(outer);
    let mut answer = app.oneshot(request()).await.unwrap();
    assert!(answer.body_mut().frame().await.unwrap().is_ok());
    assert!(handles.iter().all(|handle| handle.snapshot().running == 1));
    drop(answer);
    assert!(handles.iter().all(|handle| handle.snapshot().running == 0));
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_gives_its_place_back() {
    let layer = BulkheadLayer::new(1);
    let handle = layer.handle();
    let app: Router = Router::new()
        .route(
            "/",
            get(async || (StatusCode::SWITCHING_PROTOCOLS, five_ticks())),
        )
        .layer(layer);
    let _upgraded = app.oneshot(request()).await.unwrap();
    assert_eq!(handle.snapshot().running, 0);
}

#[tokio::test(start_paused = true)]
async fn an_observer_may_steer_the_layer_that_it_hears() {
    let breaker = CircuitBreakerLayer::new();
    let bulkhead = BulkheadLayer::new(1);
    let health = HealthLayer::new("steered", "1.0.0");
    let steer = {
        let (breaker, bulkhead, health) = (breaker.handle(), bulkhead.handle(), health.handle());
        move |event: &Event| {
            let _ = (breaker.snapshot(), bulkhead.snapshot(), health.snapshot());
            if matches!(event.kind, EventKind::StateChanged { .. }) {
                breaker.auto();
                let _ = breaker.update(breaker.config());
                let _ = bulkhead.update(bulkhead.config());
                health.lifecycle().ready();
            }
        }
    };
    let handles = (breaker.handle(), health.lifecycle());
    let app: Router = Router::new().route("/", get(async || "done")).layer(
        ServiceBuilder::new()
            .layer(health.observe(steer.clone()))
            .layer(breaker.observe(steer.clone()))
            .layer(bulkhead.observe(steer)),
    );
    handles.1.ready();
    handles.0.force_open();
    assert_eq!(
        app.oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
    handles.1.stop();
}

#[tokio::test(start_paused = true)]
async fn the_stack_of_a_server_keeps_the_contract_as_one() {
    let bulkhead = RefCell::new(None);
    let health = RefCell::new(None);
    let layers = || {
        let places = BulkheadLayer::new(1);
        bulkhead.replace(Some(places.handle()));
        let outermost = HealthLayer::new("contract", "1.0.0");
        health.replace(Some(outermost.handle()));
        ServiceBuilder::new()
            .layer(outermost)
            .layer(CorrelationIdLayer::new())
            .layer(TimeoutLayer::default())
            .layer(RequestBodyTimeoutLayer::new(30 * S))
            .layer(places)
            .into_inner()
    };
    Contract::new(layers, |_: &_| {
        let now = bulkhead.borrow().as_ref().unwrap().snapshot();
        assert_eq!((now.running, now.waiting), (0, 0));
        assert_eq!(health.borrow().as_ref().unwrap().snapshot().in_flight, 0);
    })
    // Those of the correlation id, and one to watch over the body of the request.
    .allowing_allocations(8)
    .http()
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_stack_of_a_client_keeps_the_contract_as_one() {
    let handles = RefCell::new(None);
    let layers = || {
        let (layers, new) = client!(3, BulkheadConfig::queued(1));
        handles.replace(Some(new));
        layers.into_inner()
    };
    Contract::new(layers, |_: &_| {
        let handles = handles.borrow();
        let handles = handles.as_ref().unwrap();
        let now = handles.bulkhead.snapshot();
        assert_eq!((now.running, now.waiting), (0, 0));
    })
    // The copy that a retry would need, the headers that are added, and their text.
    .allowing_allocations(16)
    .http()
    .await;
}

/// How the breakers of a server and of a client in its handler stand, after ten callers who waited
/// for 5 ms each while the handler's peer hangs.
async fn after_impatient_callers(trust_headers: Option<HeaderTrust>) -> [State; 2] {
    let [at_server, at_peer] = [(); 2].map(|()| CircuitBreakerLayer::new());
    let handles = [at_server.handle(), at_peer.handle()];
    let peer: BoxCloneSyncService<_, _, BoxError> = BoxCloneSyncService::new(
        ServiceBuilder::new()
            .map_response(|answer: Response<_>| answer.status())
            .layer(at_peer)
            .layer(TimeoutLayer::new(S))
            .service(service_fn(|_: Request<Body>| {
                std::future::pending::<Result<Response<Body>, BoxError>>()
            })),
    );
    let handler = move || async move { peer.oneshot(request()).await.unwrap() };
    let timeout = TimeoutConfig {
        trust_headers,
        ..TimeoutConfig::api()
    };
    let app = Router::new().route("/", get(handler)).layer(
        ServiceBuilder::new()
            .layer(TimeoutLayer::from_config(timeout).unwrap())
            .layer(at_server),
    );
    for _ in 0..10 {
        let mut impatient = request();
        let headers = impatient.headers_mut();
        headers.insert("x-request-timeout", "5ms".parse().unwrap());
        let start = Instant::now();
        let answer = app.clone().oneshot(impatient).await.unwrap();
        assert!(answer.status().is_server_error());
        assert!(start.elapsed() < Duration::from_millis(10), "it counts");
    }
    handles.map(|handle| handle.snapshot().state)
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_waits_for_no_time_opens_no_breaker() {
    assert_eq!(after_impatient_callers(None).await, [State::Closed; 2]);
    let known = Some(HeaderTrust::Full);
    assert_eq!(after_impatient_callers(known).await, [State::Open; 2]);
}
