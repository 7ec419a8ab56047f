//! The same layer on axum, hyper's client and tonic's channel.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use axum::{
    Router,
    body::Body,
    handler::Handler,
    middleware::{self, Next},
    routing::{get, put},
};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError,
    retry::{ReplayBody, RetryConfig, RetryLayer},
};
use tower_layer::Layer;

use crate::retry::{layer, steady};
use crate::support::serve;

/// Fails until the last of three attempts.
async fn flaky(calls: Arc<AtomicU32>, body: Bytes) -> (StatusCode, Bytes) {
    let attempt = calls.fetch_add(1, SeqCst) + 1;
    let status = if attempt.is_multiple_of(3) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, body)
}

#[tokio::test(start_paused = true)]
async fn axum_takes_it_on_routers_method_routers_handlers_and_around_middleware() {
    let calls = Arc::new(AtomicU32::new(0));
    let handler = {
        let calls = calls.clone();
        move |body: Bytes| flaky(calls, body)
    };
    let in_handler = handler.clone().layer(layer());
    let around_middleware = ServiceBuilder::new()
        .layer(layer().same_body(Body::new))
        .layer(middleware::from_fn(async |request, next: Next| {
            next.run(request).await
        }));
    let apps = [
        Router::new()
            .route("/", put(handler.clone()))
            .layer(layer()),
        Router::new()
            .route("/", put(handler.clone()))
            .route_layer(layer()),
        Router::new().route("/", put(handler.clone()).layer(layer())),
        Router::new().route("/", put(in_handler)),
        Router::new().route("/", put(handler).layer(around_middleware)),
    ];
    for (n, app) in apps.into_iter().enumerate() {
        let request = Request::put("/").body(Body::from("hello")).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "app {n}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "hello", "app {n}");
    }
    assert_eq!(calls.load(SeqCst), 15);
}

/// No real waits.
fn at_once() -> RetryLayer {
    let mut config = RetryConfig { ..steady() };
    config.backoff.base = std::time::Duration::from_millis(1);
    RetryLayer::from_config(config).unwrap()
}

#[tokio::test]
async fn a_hyper_client_takes_it_with_its_own_or_another_body_type() {
    let calls = Arc::new(AtomicU32::new(0));
    let app = Router::new().route(
        "/",
        get({
            let calls = calls.clone();
            move |body: Bytes| flaky(calls, body)
        }),
    );
    let address = serve(app).await;
    let request = || {
        Request::get(format!("http://{address}/"))
            .body(Full::from("hello"))
            .unwrap()
    };

    let own: Client<_, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let response = at_once().layer(own).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 200);

    let boxed: Client<_, UnsyncBoxBody<Bytes, BoxError>> =
        Client::builder(TokioExecutor::new()).build_http();
    let service = at_once().map_body(BodyExt::boxed_unsync).layer(boxed);
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(calls.load(SeqCst), 6);
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_is_tried_again_whatever_the_method() {
    // A port that nobody listens on any more.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let client: Client<_, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    let layer = at_once();
    let handle = layer.handle();
    // Ten megabytes: nothing of it was read, so nothing of it has to be kept.
    let request = Request::post(format!("http://{closed}/"))
        .body(Full::from(vec![0; 10 << 20]))
        .unwrap();
    let error = layer.layer(client).oneshot(request).await.unwrap_err();
    assert!(error.is_connect(), "the error type is the client's own");
    assert_eq!(handle.snapshot().retries, 2);
}

#[tokio::test]
async fn a_tonic_channel_takes_it() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let channel = Endpoint::try_from(format!("http://{closed}"))
        .unwrap()
        .connect_lazy();
    let layer = at_once().grpc().same_body(tonic::body::Body::new);
    let handle = layer.handle();
    let channel = ServiceBuilder::new()
        .layer(layer)
        .map_err(BoxError::from)
        .service(channel);
    let mut client = HealthClient::new(channel);
    let status = client
        .check(HealthCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    assert_eq!(handle.snapshot().retries, 2);

    let calls = Arc::new(AtomicU32::new(0));
    let server = tonic_health::server::health_reporter().1;
    let count = calls.clone();
    let app = Router::new()
        .fallback_service(server)
        .layer(middleware::from_fn(
            move |request: axum::extract::Request, next: Next| {
                let attempt = count.fetch_add(1, SeqCst) + 1;
                async move {
                    if attempt < 3 {
                        return http::Response::builder()
                            .header("content-type", "application/grpc")
                            .header("grpc-status", "14")
                            .body(Body::empty())
                            .unwrap();
                    }
                    next.run(request).await
                }
            },
        ));
    let address = serve(app).await;
    let channel = Endpoint::try_from(format!("http://{address}"))
        .unwrap()
        .connect_lazy();
    let channel = at_once()
        .grpc()
        .same_body(tonic::body::Body::new)
        .layer(channel);
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    assert_eq!(answer.unwrap().into_inner().status, 1);
    assert_eq!(calls.load(SeqCst), 3);
}
