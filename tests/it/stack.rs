//! Whole stacks: on an axum server, before a hyper client, and the two against each other.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadConfig,
    decision::{Decision, DecisionConfig},
    load_shed::LoadShedConfig,
    rate_limit::{Rate, RateLimitConfig},
    rejection::{Kind, Rejection},
    retry::RetryConfig,
    stack::{ClientBody, ClientStack, ServerLayer, ServerStack},
    timeout::TimeoutConfig,
};
use tower_keep_test::contract::Contract;
use tower_layer::Layer;

use crate::support::serve;

const SECOND: Duration = Duration::from_secs(1);

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_layer_of_a_server_does_its_part_in_its_place() {
    let layer = ServerStack::api()
        .named("orders")
        .decision(DecisionConfig::default())
        .rate_limit(RateLimitConfig::new(Rate::per_minute(3)))
        .bulkhead(BulkheadConfig::new(1))
        .timeout(TimeoutConfig {
            timeout: Some(5 * SECOND),
            ..TimeoutConfig::api()
        })
        .layer()
        .unwrap();
    let app = Router::new()
        .route("/bug", routing::get(|| async { panic!("a bug") as () }))
        .route("/hang", routing::get(std::future::pending::<()>))
        .route("/", routing::get(|| async { "fine" }))
        .layer(layer.clone());
    let ask = async |path: &str| app.clone().oneshot(request(path)).await.unwrap();

    let fine = ask("/").await;
    assert!(fine.headers().contains_key("x-correlation-id"));
    assert!(fine.extensions().get::<Decision>().is_some());
    drop(fine);
    assert_eq!(
        ask("/bug").await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    // The deadline is outside the bulkhead, whose place is free again.
    let late = ask("/hang").await;
    let kind = Rejection::of(&late).unwrap().kind().clone();
    assert!(matches!(kind, Kind::DeadlineExceeded { .. }));
    assert_eq!(layer.bulkhead.handle().snapshot().running, 0);
    // The fourth of a minute, with the id that every refusal has.
    let refused = ask("/").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("x-correlation-id"));
    assert_eq!(Rejection::of(&refused).unwrap().name(), "orders");
}

#[tokio::test(start_paused = true)]
async fn what_is_off_can_be_switched_on_while_calls_run() {
    let layer = ServerStack::api().layer().unwrap();
    let app = Router::new()
        .route("/", routing::get(|| async {}))
        .layer(layer.clone());
    let ask = async || app.clone().oneshot(request("/")).await.unwrap().status();
    assert_eq!(ask().await, StatusCode::OK);
    layer
        .bulkhead
        .handle()
        .update(BulkheadConfig::new(0))
        .unwrap();
    assert_eq!(ask().await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_client_retries_within_its_deadline_and_leaves_alone_what_is_down() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let down = {
        let attempts = attempts.clone();
        service_fn(move |request: Request<ClientBody>| {
            attempts.fetch_add(1, SeqCst);
            assert!(request.headers().contains_key("x-correlation-id"));
            assert!(request.headers().contains_key("x-request-timeout"));
            async {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                Ok::<_, Infallible>(response)
            }
        })
    };
    let layer = ClientStack::api().named("payments").layer().unwrap();
    let client = layer.layer(down);
    let ask = async || client.clone().oneshot(request("/")).await.unwrap();
    assert_eq!(ask().await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(attempts.load(SeqCst), 3);
    for _ in 0..20 {
        ask().await;
    }
    let refused = ask().await;
    assert_eq!(Rejection::of(&refused).unwrap().kind(), &Kind::CircuitOpen);
    assert_eq!(
        attempts.load(SeqCst),
        10,
        "ten failures in a row opened the breaker"
    );
}

#[tokio::test(start_paused = true)]
async fn writes_are_retried_only_with_keys() {
    for (keys, expected) in [(false, 1), (true, 3)] {
        let attempts = AtomicUsize::new(0);
        let fails = service_fn(|request: Request<ClientBody>| {
            attempts.fetch_add(1, SeqCst);
            assert_eq!(request.headers().contains_key("idempotency-key"), keys);
            async { Err::<Response<Body>, _>(BoxError::from("reset")) }
        });
        let layer = ClientStack::api()
            .with_idempotency_key(keys)
            .layer()
            .unwrap();
        let post = Request::builder()
            .method(Method::POST)
            .body(Body::from("an order"));
        assert!(layer.layer(fails).oneshot(post.unwrap()).await.is_err());
        assert_eq!(attempts.load(SeqCst), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_language_model_that_is_busy_is_asked_again_when_it_says() {
    let attempts = AtomicUsize::new(0);
    let busy = service_fn(|_: Request<ClientBody>| {
        let status = if attempts.fetch_add(1, SeqCst) < 2 {
            529
        } else {
            200
        };
        let response = Response::builder()
            .status(status)
            .header("retry-after", "20");
        async move { Ok::<_, Infallible>(response.body(Body::empty()).unwrap()) }
    });
    let client = ClientStack::llm().layer().unwrap().layer(busy);
    let start = tokio::time::Instant::now();
    let post = Request::post("/").body(Body::from("a prompt")).unwrap();
    assert_eq!(client.oneshot(post).await.unwrap().status(), StatusCode::OK);
    assert!(start.elapsed() >= 40 * SECOND);
}

#[tokio::test]
async fn both_stacks_on_real_sockets_with_a_body_that_is_sent_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let flaky = {
        let calls = calls.clone();
        move |body: String| async move {
            match calls.fetch_add(1, SeqCst) {
                0 => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
                _ => (StatusCode::OK, body.to_uppercase()),
            }
        }
    };
    let server = ServerStack::api().named("echo").layer().unwrap();
    let address = serve(Router::new().route("/", routing::put(flaky)).layer(server)).await;
    let hyper = Client::builder(TokioExecutor::new()).build_http::<ClientBody>();
    let client = ClientStack::api()
        .retry(RetryConfig::interactive())
        .layer()
        .unwrap()
        .layer(hyper);
    let put = Request::put(format!("http://{address}/"))
        .body(Full::new(Bytes::from_static(b"a body")))
        .unwrap();
    let response = client.oneshot(put).await.unwrap();
    let body = Box::pin(response.into_body())
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(body, "A BODY");
    assert_eq!(calls.load(SeqCst), 2);
}

/// Nothing of it runs once nobody holds an answer.
fn at_rest(layer: &ServerLayer) {
    assert_eq!(layer.bulkhead.handle().snapshot().running, 0);
    assert_eq!(layer.load_shed.handle().snapshot().running, 0);
    assert_eq!(layer.adaptive.handle().snapshot().in_flight, 0);
}

/// Of one place for each layer that has any, and all of them on.
fn all_on() -> ServerLayer {
    let stack = ServerStack::api()
        .decision(DecisionConfig::default())
        .rate_limit(RateLimitConfig::new(Rate::per_second(1_000_000)))
        .load_shed(LoadShedConfig::new(1))
        .bulkhead(BulkheadConfig::new(1));
    stack.layer().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_keeps_the_contract_whether_calls_pass_by_its_layers_or_not() {
    // As few as the correlation id alone.
    Contract::new(|| ServerStack::api().layer().unwrap(), at_rest)
        .allowing_allocations(7)
        .http()
        .await;
    // Those of the decision, and the two boxes of a call that passes by nothing.
    Contract::new(all_on, at_rest)
        .allowing_allocations(16)
        .http()
        .await;
}

#[tokio::test(start_paused = true)]
async fn each_layer_that_calls_pass_by_takes_part_once_it_is_on() {
    let layer = ServerStack::api().layer().unwrap();
    let app = Router::new()
        .route("/", routing::get(|| async { "fine" }))
        .layer(layer.clone());
    let ask = async || app.clone().oneshot(request("/")).await.unwrap();
    let bulkhead = layer.bulkhead.handle();
    let load_shed = layer.load_shed.handle();
    let rate_limit = layer.rate_limit.handle();
    let decision = layer.decision.handle();

    let passed_by = ask().await;
    assert_eq!(bulkhead.snapshot().running, 0);
    for enabled in [true, false] {
        let config = BulkheadConfig {
            enabled,
            ..BulkheadConfig::new(5)
        };
        bulkhead.update(config).unwrap();
        let answer = ask().await;
        assert_eq!(bulkhead.snapshot().running, usize::from(enabled));
        drop(answer);
        assert_eq!(bulkhead.snapshot().running, 0);
    }
    for enabled in [true, false] {
        let config = LoadShedConfig {
            enabled,
            ..LoadShedConfig::new(5)
        };
        load_shed.update(config).unwrap();
        let answer = ask().await;
        assert_eq!(load_shed.snapshot().running, usize::from(enabled));
        drop(answer);
        assert_eq!(load_shed.snapshot().running, 0);
    }
    for enabled in [true, false] {
        let config = DecisionConfig {
            enabled,
            ..DecisionConfig::default()
        };
        decision.update(config).unwrap();
        let recorded = ask().await.extensions().get::<Decision>().is_some();
        assert_eq!(recorded, enabled);
    }
    for enabled in [true, false] {
        let config = RateLimitConfig {
            enabled,
            ..RateLimitConfig::new(Rate::per_hour(1))
        };
        rate_limit.update(config).unwrap();
        rate_limit.drain();
        let refused = ask().await.status() == StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(refused, enabled);
    }
    // It came when none of them was on, and its body ends after all have been.
    let body = passed_by.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "fine");
    at_rest(&layer);
}
