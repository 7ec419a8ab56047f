//! Retries of retries: what a request tells of its caller's attempts, and what comes of it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use tower::{
    BoxError, ServiceBuilder, ServiceExt, service_fn,
    util::{BoxCloneSyncService, BoxCloneSyncServiceLayer},
};
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    context::inbound_attempt,
    correlation_id::{CorrelationIdConfig, CorrelationIdLayer, PropagateLayer},
    retry::{RetriedUpstream, RetryConfig, RetryHandle, RetryLayer, Skip},
};

type Backend = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// A service that is down, and what it was sent.
fn down(sent: &Arc<AtomicU32>) -> Backend {
    let sent = sent.clone();
    BoxCloneSyncService::new(service_fn(move |_: Request<Body>| {
        sent.fetch_add(1, Relaxed);
        async {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(response)
        }
    }))
}

/// A hop: a server that calls `behind` through a client that retries.
fn hop(behind: Backend, retry: RetryLayer) -> Router {
    let retry = BoxCloneSyncServiceLayer::new(retry.same_body(Body::new));
    let client = ServiceBuilder::new()
        .layer(retry)
        .layer(PropagateLayer::new())
        .service(behind);
    let client: Backend =
        BoxCloneSyncService::new(client.map_response(|r: Response<_>| r.map(Body::new)));
    let handler = async move || {
        let answer = client.oneshot(Request::new(Body::empty())).await;
        answer.unwrap_or_else(|_| Response::new(Body::empty()))
    };
    Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::from_config(CorrelationIdConfig::edge()).unwrap())
}

fn as_backend(app: Router) -> Backend {
    BoxCloneSyncService::new(service_fn(move |request| {
        app.clone().oneshot(request).err_into()
    }))
}

fn retry(retried_upstream: RetriedUpstream) -> (RetryLayer, RetryHandle) {
    let layer = RetryLayer::from_config(RetryConfig {
        retried_upstream,
        ..RetryConfig::default()
    })
    .unwrap();
    let handle = layer.handle();
    (layer, handle)
}

fn request(header: Option<(&'static str, &'static str)>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    if let Some((name, value)) = header {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_retried_upstream_is_not_multiplied() {
    for (rule, header, attempts, spent) in [
        (RetriedUpstream::Stop, None, 3, 2.0),
        (
            RetriedUpstream::Stop,
            Some(("x-retry-attempt", "1")),
            3,
            2.0,
        ),
        (
            RetriedUpstream::Stop,
            Some(("x-retry-attempt", "2")),
            1,
            0.0,
        ),
        (
            RetriedUpstream::Stop,
            Some(("x-envoy-attempt-count", "2")),
            1,
            0.0,
        ),
        (
            RetriedUpstream::Stop,
            Some(("grpc-previous-rpc-attempts", "1")),
            1,
            0.0,
        ),
        (
            RetriedUpstream::Charge,
            Some(("x-retry-attempt", "2")),
            3,
            4.0,
        ),
        (
            RetriedUpstream::Ignore,
            Some(("x-retry-attempt", "2")),
            3,
            2.0,
        ),
    ] {
        let sent = Arc::default();
        let (layer, handle) = retry(rule);
        let before = handle.snapshot().budget;
        hop(down(&sent), layer)
            .oneshot(request(header))
            .await
            .unwrap();
        assert_eq!(sent.load(Relaxed), attempts, "{rule:?} {header:?}");
        let now = handle.snapshot();
        assert!(
            (before - now.budget - spent).abs() < 0.9,
            "{rule:?} {header:?}"
        );
        let stopped = now
            .skipped
            .get(&Skip::RetriedUpstream)
            .copied()
            .unwrap_or(0);
        assert_eq!(stopped, u64::from(attempts == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn three_hops_with_three_attempts_each_are_seven_calls_and_not_27() {
    for (rule, calls) in [(RetriedUpstream::Stop, 7), (RetriedUpstream::Ignore, 27)] {
        let sent = Arc::default();
        let mut behind = down(&sent);
        for _ in 0..3 {
            behind = as_backend(hop(behind, retry(rule).0));
        }
        behind.oneshot(request(None)).await.unwrap();
        assert_eq!(sent.load(Relaxed), calls, "{rule:?}");
    }
}

#[tokio::test]
async fn the_attempt_goes_with_the_context_and_along_to_the_next() {
    let next = service_fn(|request: Request<Body>| async move {
        Ok::<_, BoxError>(request.headers().get("x-retry-attempt").cloned())
    });
    let client = ServiceBuilder::new()
        .layer(PropagateLayer::new())
        .service(next);
    let client = BoxCloneSyncService::new(client);
    let handler = async move || {
        let told = client.oneshot(Request::new(Body::empty())).await.unwrap();
        format!("{} {told:?}", inbound_attempt())
    };
    let app: Router = Router::new()
        .route("/", get(handler))
        .layer(CorrelationIdLayer::new());
    for (header, seen) in [
        (None, "1 None"),
        (Some(("x-retry-attempt", "nonsense")), "1 None"),
        (Some(("x-retry-attempt", "4")), "4 Some(\"4\")"),
    ] {
        let response = app.clone().oneshot(request(header)).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, seen);
    }
    assert_eq!(inbound_attempt(), 1);
}

async fn refused(header: Option<(&'static str, &'static str)>, grpc: bool) -> (HeaderMap, Bytes) {
    let layers = ServiceBuilder::new()
        .layer(CorrelationIdLayer::new())
        .layer(BulkheadLayer::new(0));
    let app: Router = Router::new()
        .route("/", get(async || "never"))
        .layer(layers);
    let mut request = request(header);
    if grpc {
        *request.version_mut() = Version::HTTP_2;
        let value = "application/grpc".parse().unwrap();
        request.headers_mut().insert("content-type", value);
    }
    let (head, body) = app.oneshot(request).await.unwrap().into_parts();
    (head.headers, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_refusal_of_a_retry_says_that_it_is_enough() {
    let (headers, body) = refused(None, false).await;
    assert!(!headers.contains_key("x-should-retry"));
    assert!(!body.windows(12).any(|part| part == b"should_retry"));
    let again = Some(("x-retry-attempt", "2"));
    let (headers, body) = refused(again, false).await;
    assert_eq!(headers["x-should-retry"], "false");
    assert_eq!(
        headers["retry-after"], "1",
        "for calls that are not retries"
    );
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["should_retry"], false);

    assert_eq!(refused(None, true).await.0["grpc-retry-pushback-ms"], "100");
    assert_eq!(refused(again, true).await.0["grpc-retry-pushback-ms"], "-1");
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_says_about_retries_is_done() {
    for (status, says, method, sent_times) in [
        (503, None, "GET", 3),
        (503, Some("false"), "GET", 1),
        (503, Some("maybe"), "GET", 3),
        (409, None, "GET", 1),
        (409, Some("true"), "GET", 3),
        (409, Some("true"), "POST", 1),
        (503, Some("true"), "POST", 1),
    ] {
        let sent = Arc::new(AtomicU32::new(0));
        let breaker = CircuitBreakerLayer::new();
        let seen = breaker.handle();
        let service = ServiceBuilder::new()
            .layer(RetryLayer::default())
            .layer(breaker)
            .service_fn(|_: Request<_>| {
                sent.fetch_add(1, Relaxed);
                async move {
                    let mut response = Response::builder().status(status);
                    if let Some(says) = says {
                        response = response.header("x-should-retry", says);
                    }
                    response.body(Body::empty())
                }
            });
        let request = Request::builder()
            .method(method)
            .body(Body::empty())
            .unwrap();
        service.oneshot(request).await.unwrap();
        assert_eq!(sent.load(Relaxed), sent_times, "{status} {says:?} {method}");
        let failures = if status == 503 { sent_times } else { 0 };
        assert_eq!(seen.snapshot().failures, u64::from(failures), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_inside_a_retry_does_not_multiply_it() {
    for (inside, expected) in [(RetriedUpstream::Stop, 5), (RetriedUpstream::Ignore, 9)] {
        let sent = Arc::default();
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::default().same_body(Body::new))
            .layer(retry(inside).0.same_body(Body::new))
            .service(down(&sent));
        stack.oneshot(Request::new(Body::empty())).await.unwrap();
        // The first attempt of the one outside is tried three times, the others once.
        assert_eq!(sent.load(Relaxed), expected, "{inside:?}");
    }
}
