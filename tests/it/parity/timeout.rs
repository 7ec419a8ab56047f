//! Timeouts and deadlines.

use std::{convert::Infallible, future::pending, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep, timeout};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadLayer},
    detach::DetachLayer,
    rejection::{Kind, Phase, Rejection},
    timeout::{HeaderTrust, RequestTimeout, Role, TimeoutConfig, TimeoutLayer},
};
use tower_layer::Layer;

const SECOND: Duration = Duration::from_secs(1);

fn layer(config: TimeoutConfig) -> TimeoutLayer {
    TimeoutLayer::from_config(config).unwrap()
}

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

fn with_header(name: &'static str, value: &str) -> Request<Body> {
    let mut request = request();
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// How long a call to a service that never answers takes, and what it is answered.
async fn hang(layer: &TimeoutLayer, request: Request<Body>) -> (Duration, Kind) {
    let service = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let start = Instant::now();
    let response = layer.layer(service).oneshot(request).await.unwrap();
    let kind = Rejection::of(&response).unwrap().kind().clone();
    (start.elapsed(), kind)
}

/// How long a body lasts that gives a frame every `every`, ten of them, and whether it was cut.
async fn stream_for(layer: &TimeoutLayer, every: Duration) -> (Duration, bool) {
    let service = service_fn(|_: Request<Body>| async move {
        let frames = stream::unfold(0, move |n| async move {
            sleep(every).await;
            (n < 10).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"x")), n + 1))
        });
        Ok::<_, Infallible>(Response::new(Body::from_stream(frames)))
    });
    let start = Instant::now();
    let response = layer.layer(service).oneshot(request()).await.unwrap();
    let cut = Box::pin(response.into_body()).collect().await.is_err();
    (start.elapsed(), cut)
}

/// TO1: an end to the wait for an answer.
/// `TimeoutLayer::new(time)`.
#[tokio::test(start_paused = true)]
async fn to1() {
    assert_eq!(hang(&TimeoutLayer::new(SECOND), request()).await.0, SECOND);
}

/// TO2: another time for one request.
/// `timeout_for(|head| ..)`, or the extension `RequestTimeout`.
#[tokio::test(start_paused = true)]
async fn to2() {
    let layer = TimeoutLayer::new(SECOND).timeout_for(|head| {
        (head.uri.path() == "/slow").then(|| RequestTimeout::after(5 * SECOND))
    });
    let slow = Request::get("/slow").body(Body::empty()).unwrap();
    assert_eq!(hang(&layer, slow).await.0, 5 * SECOND);
    assert_eq!(hang(&layer, request()).await.0, SECOND);
}

/// TO3: queues count.
/// The time runs from the call's arrival, through every queue of our layers inside.
#[tokio::test(start_paused = true)]
async fn to3() {
    let config = BulkheadConfig {
        max_wait: 60 * SECOND,
        ..BulkheadConfig::queued(1)
    };
    let bulkhead = BulkheadLayer::from_config(config).unwrap();
    let _place = bulkhead.handle().acquire().await.unwrap();
    let service =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(SECOND))
        .layer(bulkhead);
    let start = Instant::now();
    let response = stack.service(service).oneshot(request()).await.unwrap();
    assert!(response.status().is_server_error());
    assert_eq!(start.elapsed(), SECOND);
}

/// TO4: an end to the wait for the next frame.
/// `body_idle`; for the bodies of requests `RequestBodyTimeoutLayer`.
#[tokio::test(start_paused = true)]
async fn to4() {
    let config = TimeoutConfig {
        body_idle: Some(2 * SECOND),
        ..TimeoutConfig::streaming()
    };
    assert_eq!(
        stream_for(&layer(config.clone()), SECOND).await,
        (11 * SECOND, false)
    );
    assert_eq!(
        stream_for(&layer(config), 3 * SECOND).await,
        (2 * SECOND, true)
    );
}

/// TO5: an end to the whole body.
/// Covered by the call's deadline unless `BodyDeadline::HeadOnly`.
#[tokio::test(start_paused = true)]
async fn to5() {
    assert_eq!(
        stream_for(&TimeoutLayer::new(5 * SECOND), SECOND).await,
        (5 * SECOND, true)
    );
}

/// TO6: one deadline for head and body.
/// What the head took is missing from the body's time.
#[tokio::test(start_paused = true)]
async fn to6() {
    let service = service_fn(|_: Request<Body>| async {
        sleep(3 * SECOND).await;
        let endless = stream::pending::<Result<Bytes, Infallible>>();
        Ok::<_, Infallible>(Response::new(Body::from_stream(endless)))
    });
    let start = Instant::now();
    let response = TimeoutLayer::new(5 * SECOND)
        .layer(service)
        .oneshot(request())
        .await;
    let body = Box::pin(response.unwrap().into_body());
    assert!(body.collect().await.is_err());
    assert_eq!(start.elapsed(), 5 * SECOND);
}

/// TO7: the caller's deadline is read.
/// `grpc-timeout` and `x-request-timeout`, which shorten ours; how much they are trusted is configured.
#[tokio::test(start_paused = true)]
async fn to7() {
    let layer = layer(TimeoutConfig {
        trust_headers: Some(HeaderTrust::Shorten),
        ..TimeoutConfig::api()
    });
    let called = |value| hang(&layer, with_header("x-request-timeout", value));
    assert_eq!(called("500ms").await.0, SECOND / 2);
    assert_eq!(called("3600s").await.0, 30 * SECOND, "not longer than ours");
}

/// TO8: what is left goes upstream.
/// The role `Client` writes it into the same headers, of the deadline of the call that is being served.
#[tokio::test(start_paused = true)]
async fn to8() {
    let client = layer(TimeoutConfig {
        role: Role::Client,
        ..TimeoutConfig::api()
    });
    let upstream = service_fn(|request: Request<Body>| async move {
        Ok::<_, Infallible>(Response::new(request.headers().clone()))
    });
    let upstream = upstream.map_response(|response: Response<http::HeaderMap>| {
        let headers = response.into_body();
        Response::new(Body::from(format!(
            "{:?}",
            headers.get("x-request-timeout")
        )))
    });
    let service = service_fn(|request: Request<Body>| {
        let upstream = client.layer(upstream.clone());
        async move {
            sleep(SECOND).await;
            upstream
                .oneshot(request)
                .await
                .map(|response| response.map(Body::new))
        }
    });
    let response = TimeoutLayer::new(5 * SECOND)
        .layer(service)
        .oneshot(request())
        .await
        .unwrap();
    let said = Box::pin(response.into_body())
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(said, r#"Some("4000ms")"#);
}

/// TO9: work that is too late is not begun.
/// 504 before the service is asked.
#[tokio::test(start_paused = true)]
async fn to9() {
    let config = TimeoutConfig {
        trust_headers: Some(HeaderTrust::Full),
        ..TimeoutConfig::api()
    };
    let (took, kind) = hang(&layer(config), with_header("x-request-timeout", "0ms")).await;
    assert_eq!((took, kind), (Duration::ZERO, Kind::DeadlineExpired));
}

/// TO10: the error says what took too long, and how long it may take.
/// `Kind::DeadlineExceeded { phase, after }`.
#[tokio::test(start_paused = true)]
async fn to10() {
    let (_, kind) = hang(&TimeoutLayer::new(SECOND), request()).await;
    let (phase, after) = (Phase::Head, SECOND);
    assert_eq!(kind, Kind::DeadlineExceeded { phase, after });
}

/// TO11: work that goes on after its time.
/// `DetachLayer` inside the timeout, at most so much of it; a panic in it is a panic, not a timeout.
#[tokio::test(start_paused = true)]
async fn to11() {
    let detach = DetachLayer::new(1);
    let service = service_fn(|_: Request<Body>| async {
        sleep(10 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(SECOND))
        .layer(detach.clone());
    let post = Request::post("/").body(Body::empty()).unwrap();
    let response = stack.service(service).oneshot(post).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(detach.handle().snapshot().detached, 1);
    timeout(20 * SECOND, detach.handle().idle()).await.unwrap();
}

/// TO12: a timeout that follows the latency.
/// Nothing follows it by itself, which would hide a service that gets slower; `timeout_for` may ask a
/// measured quantile, and `handle.update(..)` changes it while calls run.
#[tokio::test(start_paused = true)]
async fn to12() {
    let layer = TimeoutLayer::new(SECOND);
    let config = TimeoutConfig {
        timeout: Some(3 * SECOND),
        ..layer.handle().config()
    };
    layer.handle().update(config).unwrap();
    assert_eq!(hang(&layer, request()).await.0, 3 * SECOND);
}
