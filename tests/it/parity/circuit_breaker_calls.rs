//! What a breaker makes of calls on HTTP and gRPC, and what it answers.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::timeout;
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    rejection::Rejection,
    timeout::TimeoutLayer,
};
use tower_layer::Layer;

fn layer() -> CircuitBreakerLayer {
    CircuitBreakerLayer::new()
}

fn request(grpc: bool) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    if grpc {
        *request.version_mut() = Version::HTTP_2;
        let value = "application/grpc".parse().unwrap();
        request.headers_mut().insert("content-type", value);
    }
    request
}

type Frames = Vec<Result<Frame<Bytes>, BoxError>>;

fn data() -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(b"data")))
}

/// Failures and calls that are counted of a 200 with these frames, before and after its body is read.
async fn counted_of(grpc: bool, frames: impl Fn() -> Frames) -> [(u64, u64); 2] {
    let layer = layer();
    let counted = || {
        let now = layer.handle().snapshot();
        (now.failures, now.calls)
    };
    let service = service_fn(|_: Request<Body>| {
        let body = StreamBody::new(stream::iter(frames()));
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = layer.layer(service).oneshot(request(grpc)).await.unwrap();
    let before = counted();
    let _ = response.into_body().collect().await;
    [before, counted()]
}

/// CB18: the end of the body, or the trailers, decide.
/// A call is judged when its body has ended; a gRPC status in the trailers is the verdict.
#[tokio::test(start_paused = true)]
async fn cb18() {
    let with_status = |status: &'static str| {
        move || {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            vec![data(), Ok(Frame::trailers(trailers))]
        }
    };
    assert_eq!(counted_of(true, with_status("0")).await, [(0, 0), (0, 1)]);
    assert_eq!(counted_of(true, with_status("14")).await, [(0, 0), (1, 1)]);
}

/// CB19: a body that breaks off is a failure.
/// Whatever its head said.
#[tokio::test(start_paused = true)]
async fn cb19() {
    let counted = counted_of(false, || vec![data(), Err("reset".into())]).await;
    assert_eq!(counted, [(0, 0), (1, 1)]);
}

/// CB20: a body that the caller drops is judged all the same.
/// By what its head said; a gRPC answer without its trailers says nothing.
#[tokio::test(start_paused = true)]
async fn cb20() {
    let layer = layer();
    let service = service_fn(|_: Request<Body>| async {
        let endless = stream::pending::<Result<Frame<Bytes>, BoxError>>();
        Ok::<_, Infallible>(Response::new(StreamBody::new(endless)))
    });
    let service = layer.layer(service);
    drop(service.clone().oneshot(request(false)).await.unwrap());
    assert_eq!(layer.handle().snapshot().calls, 1);
    drop(service.oneshot(request(true)).await.unwrap());
    assert_eq!(layer.handle().snapshot().calls, 1);
}

/// CB21: a call that a timeout outside gives up is counted.
/// Given up by our deadline it failed; by a deadline of somebody else's it did if it took longer than
/// `slow_call`.
#[tokio::test(start_paused = true)]
async fn cb21() {
    let second = Duration::from_secs(1);
    let layer = CircuitBreakerLayer::from_config(CircuitBreakerConfig {
        slow_call: Some(2 * second),
        consecutive_failures: None,
        ..CircuitBreakerConfig::default()
    })
    .unwrap();
    let failures = || layer.handle().snapshot().failures;
    let hangs = service_fn(|_: Request<Body>| async {
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    });
    let ours = TimeoutLayer::new(second).layer(layer.layer(hangs));
    ours.oneshot(request(false)).await.unwrap();
    assert_eq!(failures(), 1);
    for (after, counted) in [(second, 1), (3 * second, 2)] {
        let call = layer.layer(hangs).oneshot(request(false));
        assert!(timeout(after, call).await.is_err());
        assert_eq!(failures(), counted);
    }
}

/// CB23: a refusal is an answer.
/// 503 with `Retry-After` and problem+json, `UNAVAILABLE` for gRPC; no error to handle.
#[tokio::test(start_paused = true)]
async fn cb23() {
    let layer = layer();
    layer.handle().force_open();
    let service =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let service = layer.layer(service);
    let refused = service.clone().oneshot(request(false)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    assert!(Rejection::of(&refused).is_some());
    let refused = service.oneshot(request(true)).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "14");
}

/// CB25: one state for every clone and every service.
/// State lives in the layer: what it makes, on every connection and route, is the same breaker.
#[tokio::test(start_paused = true)]
async fn cb25() {
    let layer = layer();
    let fails = service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok::<_, Infallible>(response)
    });
    let mut reached = 0;
    for _ in 0..20 {
        let response = layer
            .clone()
            .layer(fails)
            .oneshot(request(false))
            .await
            .unwrap();
        reached += u32::from(response.status() == StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(reached, 10);
}

/// CB31: it guards streams.
/// An answer that streams is one call until its end, and a probe until then.
#[tokio::test(start_paused = true)]
async fn cb31() {
    let [_, after] = counted_of(false, || (0..1000).map(|_| data()).collect()).await;
    assert_eq!(after, (0, 1));
}
