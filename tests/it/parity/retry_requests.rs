//! The request that is sent again: its body, and what became of the attempt before.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tower_keep::retry::{ReplayBody, RetryConfig, RetryLayer};
use tower_keep_test::body::ScriptedBody;
use tower_layer::Layer;

type Sent = Request<ReplayBody<Body>>;

fn layer() -> RetryLayer {
    RetryLayer::from_config(RetryConfig::default()).unwrap()
}

fn put(body: Body) -> Request<Body> {
    Request::put("/").body(body).unwrap()
}

fn failed() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// A body that comes in pieces.
fn streamed(pieces: usize, len: usize) -> Body {
    let piece = move |_| Ok::<_, Infallible>(Bytes::from(vec![b'x'; len]));
    Body::from_stream(stream::iter((0..pieces).map(piece)))
}

/// The bytes that each attempt received.
async fn received(body: Body) -> Vec<usize> {
    let received = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: Sent| {
        let received = received.clone();
        async move {
            let body = request.into_body().collect().await.unwrap();
            received.lock().unwrap().push(body.to_bytes().len());
            Ok::<_, Infallible>(failed())
        }
    });
    layer().layer(service).oneshot(put(body)).await.unwrap();
    let received = received.lock().unwrap();
    received.clone()
}

/// RT7: a streamed body is sent again, up to a cap.
/// It streams through and what has gone by is kept: 64 KiB a request, 64 MiB for the process. Beyond
/// that it is sent once.
#[tokio::test(start_paused = true)]
async fn rt7() {
    assert_eq!(received(streamed(10, 1000)).await, [10_000; 3]);
    assert_eq!(received(streamed(100, 1000)).await, [100_000]);
}

/// RT8: no retry when the answer came before the body was sent.
/// As long as the upload runs, nothing can be sent again: the answer stands.
#[tokio::test(start_paused = true)]
async fn rt8() {
    let (body, script) = ScriptedBody::new();
    script.data("the first half");
    let attempts = AtomicU32::new(0);
    let upload = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Sent| {
        attempts.fetch_add(1, SeqCst);
        let upload = upload.clone();
        async move {
            let mut body = request.into_body();
            body.frame().await.unwrap().unwrap();
            // The connection still sends it.
            *upload.lock().unwrap() = Some(body);
            Ok::<_, Infallible>(failed())
        }
    });
    let response = layer()
        .layer(service)
        .oneshot(put(Body::new(body)))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(attempts.load(SeqCst), 1);
    script.end();
}

/// RT9: a gRPC status counts.
/// In the head of an answer without messages; one in the trailers after messages is judged by the breaker
/// and not retried, the caller has seen messages by then.
#[tokio::test(start_paused = true)]
async fn rt9() {
    let attempts = AtomicU32::new(0);
    let service = service_fn(|_: Sent| {
        attempts.fetch_add(1, SeqCst);
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("grpc-status", 14.into());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut request = Request::post("/").body(Body::empty()).unwrap();
    *request.version_mut() = Version::HTTP_2;
    let value = "application/grpc".parse().unwrap();
    request.headers_mut().insert("content-type", value);
    layer().layer(service).oneshot(request).await.unwrap();
    assert_eq!(attempts.load(SeqCst), 3);
}

/// RT10: a failed answer is gone before the wait.
/// It is dropped, and with it its connection and its places inside.
#[tokio::test(start_paused = true)]
async fn rt10() {
    let earlier = Mutex::new(None);
    let service = service_fn(|_: Sent| {
        let (body, script) = ScriptedBody::new();
        if let Some(earlier) = earlier.lock().unwrap().replace(script) {
            assert!(earlier.is_dropped());
        }
        let response = failed().map(|_| body);
        async move { Ok::<_, Infallible>(response) }
    });
    let _last = layer()
        .layer(service)
        .oneshot(put(Body::empty()))
        .await
        .unwrap();
    assert!(!earlier.lock().unwrap().take().unwrap().is_dropped());
}
