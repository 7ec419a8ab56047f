//! The layers around reqwest's client, with real sockets.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    correlation_id::PropagateLayer,
    hedge::HedgeLayer,
    idempotency::IdempotencyKeyLayer,
    rejection::{Kind, Rejection},
    reqwest_client::{Error, ReqwestClient, ReqwestService},
    retry::{RetryConfig, RetryHandle, RetryLayer},
    stack::ClientStack,
    timeout::{TimeoutConfig, TimeoutLayer},
};
use tower_layer::Layer;

use crate::support::{by_hand, serve};

fn plain() -> ReqwestService {
    ReqwestService::build(reqwest::Client::builder().no_proxy()).unwrap()
}

/// An address that nobody listens at any more.
async fn nobody() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Three attempts without real waits.
fn at_once() -> RetryLayer {
    let mut config = RetryConfig::default();
    config.backoff.base = Duration::from_millis(1);
    RetryLayer::from_config(config).unwrap()
}

fn retries(handle: &RetryHandle) -> u64 {
    handle.snapshot().retries
}

#[tokio::test]
async fn a_post_whose_connection_was_refused_is_sent_again() {
    let retry = at_once();
    let handle = retry.handle();
    let service = ServiceBuilder::new().layer(retry).service(plain());
    let request = Request::post(format!("http://{}/", nobody().await))
        .body(Full::new(Bytes::from("once")))
        .unwrap();
    let error = service.oneshot(request).await.unwrap_err();
    assert!(error.is_connect() && error.is_of_one_exchange(), "{error}");
    assert_eq!(retries(&handle), 2);
    assert!(std::error::Error::source(&error).is_some());
    assert!(reqwest::Error::from(error).is_connect());
}

/// A server that has done its part, and sends on to one that is not there.
async fn post_and_go_elsewhere(done: Arc<AtomicU32>) -> SocketAddr {
    let elsewhere = format!("http://{}/", nobody().await);
    serve(Router::new().route(
        "/",
        post(|| async move {
            done.fetch_add(1, SeqCst);
            Redirect::to(&elsewhere)
        }),
    ))
    .await
}

#[tokio::test]
async fn a_post_that_was_redirected_to_nobody_is_not_sent_again() {
    let done = Arc::new(AtomicU32::new(0));
    let address = post_and_go_elsewhere(done.clone()).await;
    let retry = at_once();
    let following = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = ReqwestClient::new(
        ServiceBuilder::new()
            .layer(retry.clone())
            .service(ReqwestService::new(following.clone())),
    );
    let error = client
        .send(following.post(format!("http://{address}/")).body("pay"))
        .await
        .unwrap_err();
    assert!(error.is_connect() && !error.is_of_one_exchange());
    assert_eq!((retries(&retry.handle()), done.load(SeqCst)), (0, 1));

    // Without redirects the answer is the redirect.
    let client = ReqwestClient::new(ServiceBuilder::new().layer(retry).service(plain()));
    let answer = client
        .send(following.post(format!("http://{address}/")).body("pay"))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(done.load(SeqCst), 2);
}

#[tokio::test]
async fn what_is_no_request_and_a_circle_of_redirects_are_not_tried_again() {
    let address = serve(Router::new().route("/", get(|| async { Redirect::to("/") }))).await;
    let retry = at_once();
    let breaker = CircuitBreakerLayer::from_config(CircuitBreakerConfig {
        consecutive_failures: Some(1),
        ..CircuitBreakerConfig::default()
    })
    .unwrap();
    let state = breaker.handle();
    let following = reqwest::Client::builder().no_proxy().build().unwrap();
    let service = ServiceBuilder::new()
        .layer(retry.clone())
        .layer(breaker)
        .service(ReqwestService::new(following));
    let get = |uri: String| Request::get(uri).body(Full::<Bytes>::default()).unwrap();

    let error = service.clone().oneshot(get("/no-host".to_owned())).await;
    assert!(error.unwrap_err().is_builder());
    assert_eq!(
        state.snapshot().state.as_str(),
        "closed",
        "nobody was asked"
    );

    let error = service.oneshot(get(format!("http://{address}/"))).await;
    assert!(error.unwrap_err().is_redirect());
    assert_eq!(state.snapshot().state.as_str(), "open");
    assert_eq!(retries(&retry.handle()), 0);
}

#[tokio::test]
async fn a_read_that_ran_into_reqwests_own_timeout_is_sent_again_and_a_write_is_not() {
    let calls = Arc::new(AtomicU32::new(0));
    let slow = {
        let calls = calls.clone();
        move || async move {
            calls.fetch_add(1, SeqCst);
            std::future::pending::<()>().await;
        }
    };
    let address = serve(Router::new().route("/", get(slow.clone()).post(slow))).await;
    let http = plain();
    let client = ReqwestClient::new(ServiceBuilder::new().layer(at_once()).service(http.clone()));
    let url = format!("http://{address}/");
    let requests = [http.client().get(&url), http.client().post(&url)];
    for (request, wanted) in requests.into_iter().zip([3, 4]) {
        // The time of one attempt, since it is in the request.
        let request = request.timeout(Duration::from_millis(50));
        let error = client.send(request).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(calls.load(SeqCst), wanted);
    }
}

#[tokio::test]
async fn the_breaker_opens_and_its_refusal_is_a_response_of_reqwests_kind() {
    let breaker = CircuitBreakerLayer::from_config(CircuitBreakerConfig {
        consecutive_failures: Some(2),
        ..CircuitBreakerConfig::default()
    })
    .unwrap();
    let http = plain();
    let client = ReqwestClient::new(ServiceBuilder::new().layer(breaker).service(http.clone()));
    let url = format!("http://{}/orders", nobody().await);
    for _ in 0..2 {
        client.send(http.client().get(&url)).await.unwrap_err();
    }
    let refused = client.send(http.client().get(&url)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.url().as_str(), url, "where it was to go");
    let rejection = refused.extensions().get::<Rejection>().unwrap();
    assert!(matches!(rejection.kind(), Kind::CircuitOpen));
    assert!(refused.text().await.unwrap().contains("circuit_open"));
}

/// What a server sees of a request.
async fn seen(headers: HeaderMap, body: Bytes) -> String {
    let of = |name: &str| {
        headers
            .get(name)
            .map_or("none", |value| value.to_str().unwrap())
    };
    format!(
        "{} {} {} {}",
        of("x-request-timeout").ends_with("ms"),
        of("x-correlation-id").len(),
        of("content-length"),
        body.len(),
    )
}

#[tokio::test]
async fn all_layers_stand_on_it_and_deadline_id_and_length_arrive() {
    let address = serve(Router::new().route("/", post(seen))).await;
    let http = plain();
    let client = ReqwestClient::new(
        ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(5)))
            .layer(IdempotencyKeyLayer::new())
            .layer(RetryLayer::default())
            .layer(HedgeLayer::default())
            .layer(PropagateLayer::new())
            .layer(CircuitBreakerLayer::new())
            .layer(BulkheadLayer::new(8))
            .layer(
                TimeoutLayer::from_config(TimeoutConfig::attempt(Duration::from_secs(1))).unwrap(),
            )
            .service(http.clone()),
    );
    let request = http.client().post(format!("http://{address}/"));
    // In a task, as handlers make calls: the future can be sent.
    let answer = tokio::spawn(async move { client.send(request.body("hello")).await })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.url().as_str(), format!("http://{address}/"));
    assert_eq!(answer.text().await.unwrap(), "true 36 5 5");
}

#[tokio::test]
async fn a_stack_stands_on_it_for_requests_of_either_kind() {
    let address = serve(Router::new().route("/", post(seen))).await;
    let http = plain();
    let stack = ClientStack::api().named("orders").layer().unwrap();
    let service = stack.layer(http.clone());
    let url = format!("http://{address}/");

    let request = Request::post(&url).body(Full::new(Bytes::from("hello")));
    let answer = service.clone().oneshot(request.unwrap()).await.unwrap();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "true 36 5 5");

    let client = ReqwestClient::new(service);
    let answer = client.send(http.client().post(&url).body("hello")).await;
    assert_eq!(answer.unwrap().text().await.unwrap(), "true 36 5 5");
}

#[tokio::test]
async fn bodies_stream_both_ways_and_hold_their_place_until_their_end() {
    let (sender, body) = by_hand();
    let body = Arc::new(std::sync::Mutex::new(Some(axum::body::Body::new(body))));
    let app = Router::new()
        .route(
            "/down",
            get(|| async move { body.lock().unwrap().take().unwrap() }),
        )
        .route("/up", post(seen));
    let address = serve(app).await;
    let bulkhead = BulkheadLayer::new(1);
    let handle = bulkhead.handle();
    let http = plain();
    let client = ReqwestClient::new(
        ServiceBuilder::new()
            .layer(RetryLayer::default())
            .layer(bulkhead)
            .service(http.clone()),
    );

    let parts = stream::iter(["one ", "two"].map(Ok::<_, Error>));
    let upload = http
        .client()
        .post(format!("http://{address}/up"))
        .body(reqwest::Body::wrap_stream(parts));
    let answer = client.send(upload).await.unwrap().text().await.unwrap();
    assert_eq!(answer, "false 4 none 7", "chunks, no length");

    let get = || client.send(http.client().get(format!("http://{address}/down")));
    let mut stream = get().await.unwrap().bytes_stream();
    for part in ["first", "second"] {
        sender.send(Bytes::from(part)).unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), part);
        assert_eq!(handle.snapshot().running, 1);
    }
    assert_eq!(
        get().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    drop(sender);
    assert!(stream.next().await.is_none());
    assert_eq!(handle.snapshot().running, 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_and_says_so() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let broken = {
        let gate = gate.clone();
        || async move {
            let first = stream::iter([Ok("part")]);
            let then = stream::once(async move {
                gate.notified().await;
                Err(std::io::Error::other("gone"))
            });
            axum::body::Body::from_stream(first.chain(then))
        }
    };
    let address = serve(Router::new().route("/", get(broken))).await;
    let breaker = CircuitBreakerLayer::from_config(CircuitBreakerConfig {
        consecutive_failures: Some(1),
        ..CircuitBreakerConfig::default()
    })
    .unwrap();
    let state = breaker.handle();
    let service = ServiceBuilder::new().layer(breaker).service(plain());
    let request = Request::get(format!("http://{address}/"))
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(state.snapshot().state.as_str(), "closed");
    gate.notify_one();
    answer.into_body().collect().await.unwrap_err();
    assert_eq!(state.snapshot().state.as_str(), "open");
}
