//! What the circuit breaker makes of each way that a call can end.

use std::{panic::AssertUnwindSafe, task::Poll, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::sleep;
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::{Breaker, CircuitBreakerHandle, CircuitBreakerLayer, State},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::circuit_breaker::{after, call, config, layer, state};

/// Failures and calls in the window.
fn counted(handle: &CircuitBreakerHandle) -> (u64, u64) {
    let now = handle.snapshot();
    (now.failures, now.calls)
}

fn data() -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(b"data")))
}

fn trailers(status: &'static str) -> Result<Frame<Bytes>, BoxError> {
    let status = (
        "grpc-status".parse().unwrap(),
        HeaderValue::from_static(status),
    );
    Ok(Frame::trailers(HeaderMap::from_iter([status])))
}

/// What is counted of an answer with these frames, of which the caller reads the first `read`.
async fn counted_of(
    grpc: bool,
    frames: Vec<Result<Frame<Bytes>, BoxError>>,
    read: usize,
) -> (u64, u64) {
    let layer = layer(config());
    let handle = layer.handle();
    let frames = std::sync::Mutex::new(Some(frames));
    let answer = move || {
        let frames = frames.lock().unwrap().take().unwrap();
        async move { Response::new(Body::new(StreamBody::new(stream::iter(frames)))) }
    };
    let answer = std::sync::Arc::new(answer);
    let app: Router = Router::new().route("/", get(move || answer())).layer(layer);
    let mut request = Request::get("/").body(Body::empty()).unwrap();
    if grpc {
        *request.version_mut() = Version::HTTP_2;
        let value = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert("content-type", value);
    }
    let mut response = app.oneshot(request).await.unwrap();
    assert_eq!(counted(&handle), (0, 0), "the head decides nothing");
    for _ in 0..read {
        let _ = response.body_mut().frame().await;
    }
    drop(response);
    counted(&handle)
}

#[tokio::test]
async fn the_end_of_the_body_decides() {
    let broken = || vec![data(), Err("reset".into())];
    assert_eq!(counted_of(false, vec![data()], 2).await, (0, 1));
    assert_eq!(counted_of(false, broken(), 2).await, (1, 1));
    assert_eq!(
        counted_of(false, broken(), 1).await,
        (0, 1),
        "dropped while good"
    );
}

#[tokio::test]
async fn grpc_trailers_decide() {
    let answer = |status| vec![data(), trailers(status)];
    assert_eq!(counted_of(true, answer("0"), 2).await, (0, 1));
    assert_eq!(counted_of(true, answer("5"), 2).await, (0, 1), "not found");
    assert_eq!(counted_of(true, answer("13"), 2).await, (1, 1), "internal");
    assert_eq!(counted_of(true, vec![data()], 2).await, (1, 1), "no status");
    assert_eq!(
        counted_of(true, answer("13"), 1).await,
        (0, 0),
        "nobody knows"
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_out_until_its_body_ends_and_a_long_stream_is_no_hung_probe() {
    let layer = layer(after(1));
    let handle = layer.handle();
    let app: Router = Router::new()
        .route(
            "/",
            get(async || {
                Body::new(StreamBody::new(stream::pending::<
                    Result<Frame<Bytes>, BoxError>,
                >()))
            }),
        )
        .layer(layer);
    handle.breaker().try_acquire().unwrap().failure();
    sleep(Duration::from_secs(5)).await;
    let open = || app.clone().oneshot(Request::new(Body::empty()));
    let probe = open().await.unwrap();
    assert_eq!(probe.status(), StatusCode::OK);
    assert_eq!(
        open().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    sleep(Duration::from_secs(10)).await;
    assert_eq!(open().await.unwrap().status(), StatusCode::OK);
    assert_eq!(state(&handle), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_a_probe_makes_place_for_the_next() {
    let breaker = Breaker::from_config(after(1)).unwrap();
    breaker.try_acquire().unwrap().failure();
    sleep(Duration::from_secs(5)).await;
    for _ in 0..100 {
        drop(breaker.call(std::future::pending::<Result<(), BoxError>>()));
    }
    assert_eq!(state(&breaker.handle()), State::HalfOpen);
    breaker.call(async { Ok::<_, BoxError>(()) }).await.unwrap();
    assert_eq!(state(&breaker.handle()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_wherever_it_happens_and_gives_the_probe_back() {
    type Panics = fn(&CircuitBreakerLayer) -> Router;
    let places: [(&str, Panics); 2] = [
        ("handler", |layer| {
            let handler = get(async || -> StatusCode { panic!("in the handler") });
            Router::new().route("/", handler).layer(layer.clone())
        }),
        ("body", |layer| {
            let body = || {
                let frames = stream::poll_fn(|_| -> Poll<Option<_>> { panic!("in the body") });
                Body::new(StreamBody::new(frames.map(|()| data())))
            };
            let handler = get(move || async move { body() });
            Router::new().route("/", handler).layer(layer.clone())
        }),
    ];
    for (place, panics) in places {
        let layer = layer(after(1));
        let handle = layer.handle();
        let app = panics(&layer);
        for reason in ["1 failure", "1 of 1 probe failed"] {
            assert!(AssertUnwindSafe(call(&app)).catch_unwind().await.is_err());
            assert_eq!(handle.snapshot().reason, reason, "in the {place}");
            sleep(Duration::from_secs(30)).await;
        }
        handle.breaker().try_acquire().unwrap().success();
        assert_eq!(state(&handle), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_call_or_while_a_permit_is_held_is_a_failure() {
    let breaker = Breaker::new();
    let mut service = breaker.layer().plain().layer(service_fn(
        |()| -> std::future::Ready<Result<(), BoxError>> { panic!("in call") },
    ));
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| drop(service.call(()))));
    assert!(caught.is_err());
    assert_eq!(counted(&breaker.handle()), (1, 1));
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _permit = breaker.try_acquire().unwrap();
        panic!("by hand");
    }));
    assert!(caught.is_err());
    assert_eq!(counted(&breaker.handle()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_inside_is_no_failure_of_the_service() {
    let layer = layer(after(1));
    let handle = layer.handle();
    let app: Router = Router::new()
        .route("/", get(async || "never"))
        .layer(BulkheadLayer::new(0))
        .layer(layer);
    for _ in 0..20 {
        assert_eq!(call(&app).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(counted(&handle), (0, 0));
    assert_eq!(state(&handle), State::Closed);
}
