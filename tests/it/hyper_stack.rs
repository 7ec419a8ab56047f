//! All layers on a hyper service and on hyper-util's client.

use std::{
    convert::Infallible, net::SocketAddr, sync::Arc, sync::atomic::AtomicUsize, time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    rejection::Rejection,
    retry::{ReplayBody, RetryLayer, Retryable},
    timeout::{TimeoutConfig, TimeoutLayer},
};

/// Serves hyper connections with the server's layers around `service_fn`: fails the first
/// `failures` calls, then echoes the request's body and correlation id.
async fn serve(failures: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let echo = {
        let calls = calls.clone();
        move |request: Request<Incoming>| {
            let failed = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < failures;
            async move {
                let body = request
                    .into_body()
                    .collect()
                    .await
                    .unwrap_or_default()
                    .to_bytes();
                let mut response = Response::new(Full::new(body));
                if failed {
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                }
                Ok::<_, Infallible>(response)
            }
        }
    };
    let service = ServiceBuilder::new()
        .layer(CorrelationIdLayer::new())
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .layer(BulkheadLayer::new(100))
        .service_fn(echo);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (io, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service));
        }
    });
    (address, calls)
}

/// The client's stack of the README, over hyper-util's client.
fn stack(
    breaker: CircuitBreakerLayer,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug>>,
    Error: std::fmt::Debug,
> + Clone {
    let client: Client<_, ReplayBody<Full<Bytes>>> =
        Client::builder(TokioExecutor::new()).build_http();
    ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .layer(RetryLayer::default())
        .layer(PropagateLayer::new())
        .layer(breaker)
        .layer(BulkheadLayer::new(10))
        .layer(
            TimeoutLayer::from_config(TimeoutConfig::attempt(Duration::from_secs(1)))
                .expect("a valid preset"),
        )
        .service(client)
}

fn call(address: SocketAddr, body: &'static str) -> Request<Full<Bytes>> {
    let mut call = Request::post(format!("http://{address}/"))
        .body(body.into())
        .unwrap();
    call.extensions_mut().insert(Retryable);
    call
}

#[tokio::test]
async fn a_client_with_all_layers_talks_to_a_hyper_service_with_all_layers() {
    let (address, calls) = serve(2).await;
    let response = stack(CircuitBreakerLayer::new())
        .oneshot(call(address, "hello"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()["x-correlation-id"].len(),
        36,
        "propagated by the client"
    );
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "hello"
    );
    assert_eq!(
        calls.load(std::sync::atomic::Ordering::Relaxed),
        3,
        "two failures, two retries"
    );
}

#[tokio::test]
async fn a_breaker_opens_on_refused_connections_and_its_refusal_is_not_retried() {
    // Bound and dropped: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..Default::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config)
        .unwrap()
        .named("payments");
    let handle = breaker.handle();
    let client = stack(breaker);
    let first = client.clone().oneshot(call(address, "")).await;
    assert!(first.is_err(), "three attempts, the last error as it is");
    assert_eq!(handle.snapshot().state.as_str(), "open");
    let refused = client.oneshot(call(address, "")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Rejection::of(&refused).unwrap().name(), "payments");
}

#[tokio::test]
async fn tower_services_that_are_no_client_work_as_well() {
    let service = ServiceBuilder::new()
        .layer(RetryLayer::default())
        .layer(CircuitBreakerLayer::new())
        .layer(BulkheadLayer::new(1))
        .service(service_fn(
            |request: Request<ReplayBody<Full<Bytes>>>| async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(Response::new(Full::new(body)))
            },
        ));
    let response = service
        .oneshot(Request::new(Full::from("echo")))
        .await
        .unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "echo"
    );
}
