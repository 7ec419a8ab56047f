//! Writes that are sent twice.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::{advance, sleep, timeout};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    detach::DetachLayer,
    idempotency::{
        FingerprintedBody, IdempotencyConfig, IdempotencyKeyLayer, IdempotencyLayer, MemoryStore,
    },
    retry::RetryLayer,
};
use tower_layer::Layer;
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

type Incoming = Request<FingerprintedBody<Body>>;

/// Counts what it executes, and answers after a while with `status` and what it was sent.
#[derive(Clone, Default)]
struct Shop {
    executed: Arc<AtomicUsize>,
}

impl Shop {
    fn executed(&self) -> usize {
        self.executed.load(SeqCst)
    }

    fn service(
        &self,
        takes: Duration,
        status: u16,
    ) -> impl Service<Incoming, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + use<> {
        let executed = self.executed.clone();
        service_fn(move |request: Incoming| {
            let executed = executed.clone();
            async move {
                let order = request.into_body().collect().await.unwrap().to_bytes();
                sleep(takes).await;
                let n = executed.fetch_add(1, SeqCst) + 1;
                let answer = format!("{n}: {}", String::from_utf8_lossy(&order));
                let mut response = Response::new(Body::from(answer));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                Ok(response)
            }
        })
    }
}

fn order(key: &str, text: &'static str) -> Request<Body> {
    Request::post("/orders")
        .header("idempotency-key", key)
        .body(Body::from(text))
        .unwrap()
}

/// The status, whether it was replayed, and the body.
async fn read(
    response: Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug>>,
) -> (u16, bool, String) {
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotent-replayed");
    let body = Box::pin(response.into_body())
        .collect()
        .await
        .unwrap()
        .to_bytes();
    (
        status,
        replayed,
        String::from_utf8_lossy(&body).into_owned(),
    )
}

#[tokio::test(start_paused = true)]
async fn the_second_gets_the_answer_of_the_first() {
    let (shop, layer) = (Shop::default(), IdempotencyLayer::default());
    let service = layer.layer(shop.service(SECOND, 201));
    let send = async |request| read(service.clone().oneshot(request).await.unwrap()).await;
    let first = send(order("a", "tea")).await;
    assert_eq!(first, (201, false, "1: tea".to_owned()));
    assert_eq!(
        send(order("a", "tea")).await,
        (201, true, "1: tea".to_owned())
    );
    assert_eq!(send(order("b", "tea")).await.2, "2: tea", "another key");
    let plain = Request::post("/orders").body(Body::from("tea")).unwrap();
    assert_eq!(send(plain).await.2, "3: tea", "no key");
    let now = layer.handle().snapshot();
    assert_eq!((now.executed, now.replayed, now.refused), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn another_request_with_the_same_key_is_refused() {
    let shop = Shop::default();
    let service = IdempotencyLayer::default().layer(shop.service(SECOND, 200));
    let send = async |request| read(service.clone().oneshot(request).await.unwrap()).await;
    send(order("a", "tea")).await;
    let (status, _, problem) = send(order("a", "coffee")).await;
    assert_eq!(status, 422);
    assert!(problem.contains("idempotency_mismatch"), "{problem}");
    assert_eq!(shop.executed(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_at_once_are_executed_once_and_both_answered() {
    let shop = Shop::default();
    let service = IdempotencyLayer::default().layer(shop.service(SECOND, 200));
    let calls = (0..10).map(|_| service.clone().oneshot(order("a", "tea")));
    let answers = join_all(calls).await;
    for answer in answers {
        assert_eq!(read(answer.unwrap()).await.2, "1: tea");
    }
    assert_eq!(shop.executed(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_is_told_to_come_back() {
    let shop = Shop::default();
    let service = IdempotencyLayer::default().layer(shop.service(60 * SECOND, 200));
    let first = tokio::spawn(service.clone().oneshot(order("a", "tea")));
    tokio::task::yield_now().await;
    let second = service.oneshot(order("a", "tea")).await.unwrap();
    assert_eq!(second.status(), StatusCode::CONFLICT);
    assert_eq!(second.headers()[header::RETRY_AFTER], "1");
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_given_up_frees_its_key_and_detach_finishes_it_instead() {
    let shop = Shop::default();
    let bare = IdempotencyLayer::default().layer(shop.service(SECOND, 200));
    let given_up = timeout(SECOND / 2, bare.clone().oneshot(order("a", "tea"))).await;
    assert!(given_up.is_err());
    assert_eq!(
        read(bare.oneshot(order("a", "tea")).await.unwrap()).await.2,
        "1: tea"
    );

    let detach = DetachLayer::new(8);
    let stack = ServiceBuilder::new()
        .layer(detach.clone())
        .layer(IdempotencyLayer::default())
        .service(shop.service(SECOND, 200));
    let given_up = timeout(SECOND / 2, stack.clone().oneshot(order("a", "tea"))).await;
    assert!(given_up.is_err());
    // The second one joins the first, which goes on.
    let (_, replayed, body) = read(stack.oneshot(order("a", "tea")).await.unwrap()).await;
    assert_eq!((replayed, body.as_str()), (true, "2: tea"));
    assert_eq!(shop.executed(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_asks_to_come_back_frees_the_key() {
    for status in [408, 429, 500, 503] {
        let shop = Shop::default();
        let service = IdempotencyLayer::default().layer(shop.service(SECOND, status));
        for n in 1..=2 {
            let (_, replayed, _) =
                read(service.clone().oneshot(order("a", "tea")).await.unwrap()).await;
            assert_eq!((replayed, shop.executed()), (false, n), "{status}");
        }
    }
    // A refusal of ours further in is none of the service's answers.
    let shop = Shop::default();
    let bulkhead = BulkheadLayer::new(0);
    let stack = ServiceBuilder::new()
        .layer(IdempotencyLayer::default())
        .layer(bulkhead.clone())
        .service(shop.service(SECOND, 200));
    let refused = stack.clone().oneshot(order("a", "tea")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let open = tower_keep::bulkhead::BulkheadConfig::new(1);
    bulkhead.handle().update(open).unwrap();
    assert_eq!(
        read(stack.oneshot(order("a", "tea")).await.unwrap())
            .await
            .2,
        "1: tea"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_error_is_an_answer_and_is_kept() {
    let shop = Shop::default();
    let service = IdempotencyLayer::default().layer(shop.service(SECOND, 404));
    for replayed in [false, true] {
        let answer = read(service.clone().oneshot(order("a", "tea")).await.unwrap()).await;
        assert_eq!((answer.0, answer.1), (404, replayed));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_large_to_keep_is_given_once_and_not_executed_again() {
    let config = IdempotencyConfig {
        max_answer_bytes: 10,
        ..IdempotencyConfig::default()
    };
    let layer = IdempotencyLayer::from_config(config).unwrap();
    // Once with a length that tells it, once without.
    for pieces in [1, 4] {
        let executed = AtomicUsize::new(0);
        let service = layer.layer(service_fn(|_: Incoming| {
            executed.fetch_add(1, SeqCst);
            let pieces = (0..pieces).map(move |_| Ok::<_, Infallible>(vec![b'x'; 20 / pieces]));
            let body = Body::from_stream(stream::iter(pieces));
            async move { Ok::<_, Infallible>(Response::new(body)) }
        }));
        let key = format!("{pieces}");
        let first = service.clone().oneshot(order(&key, "tea")).await.unwrap();
        assert_eq!(read(first).await.2, "x".repeat(20));
        let second = service.oneshot(order(&key, "tea")).await.unwrap();
        assert_eq!(second.status(), StatusCode::CONFLICT);
        assert_eq!(executed.load(SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_breaks_off_for_the_caller_and_is_not_executed_again() {
    let layer = IdempotencyLayer::default();
    let service = layer.layer(service_fn(|_: Incoming| async {
        let frames = [
            Ok(Bytes::from_static(b"half")),
            Err(BoxError::from("reset")),
        ];
        Ok::<_, Infallible>(Response::new(Body::from_stream(stream::iter(frames))))
    }));
    let first = service.clone().oneshot(order("a", "tea")).await.unwrap();
    let mut body = Box::pin(first.into_body());
    let half = body.frame().await.unwrap().unwrap();
    assert_eq!(half.into_data().unwrap(), "half");
    assert!(body.frame().await.unwrap().is_err());
    let second = service.oneshot(order("a", "tea")).await.unwrap();
    assert_eq!(second.status(), StatusCode::CONFLICT);
    assert_eq!(layer.handle().snapshot().executed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_counts_for_one_caller_one_path_and_one_method() {
    let shop = Shop::default();
    let service = IdempotencyLayer::default().layer(shop.service(SECOND, 200));
    let with = |token: &str, path: &str, method: Method| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("idempotency-key", "a")
            .header("authorization", token)
            .body(Body::empty())
            .unwrap()
    };
    let requests = [
        ("alice", "/orders", Method::POST),
        ("bob", "/orders", Method::POST),
        ("alice", "/payments", Method::POST),
        ("alice", "/orders", Method::PATCH),
    ];
    for (token, path, method) in requests {
        for replayed in [false, true] {
            let request = with(token, path, method.clone());
            let answer = read(service.clone().oneshot(request).await.unwrap()).await;
            assert_eq!(answer.1, replayed, "{token} {path} {method}");
        }
    }
    assert_eq!(shop.executed(), 4);
}

#[tokio::test(start_paused = true)]
async fn where_keys_are_required_their_absence_is_a_400() {
    let layer = IdempotencyLayer::from_config(IdempotencyConfig::required()).unwrap();
    let shop = Shop::default();
    let service = layer.layer(shop.service(SECOND, 200));
    let bare = |method: Method| {
        Request::builder()
            .method(method)
            .body(Body::empty())
            .unwrap()
    };
    let (status, _, problem) =
        read(service.clone().oneshot(bare(Method::POST)).await.unwrap()).await;
    assert_eq!(status, 400);
    assert!(problem.contains("is missing"), "{problem}");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = service.clone().oneshot(bare(method)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_for_a_time_and_in_bounded_memory() {
    let shop = Shop::default();
    let store = MemoryStore::new(20_000);
    let layer = IdempotencyLayer::default().store(store.clone());
    let service = layer.layer(shop.service(Duration::ZERO, 200));
    for n in 0..1000 {
        let key = n.to_string();
        service.clone().oneshot(order(&key, "tea")).await.unwrap();
        assert!(store.bytes() <= 20_000);
    }
    assert!(store.len() > 10 && store.len() < 100, "{}", store.len());
    let replayed = read(service.clone().oneshot(order("999", "tea")).await.unwrap())
        .await
        .1;
    assert!(replayed, "the newest is still there");
    advance(25 * 3600 * SECOND).await;
    let replayed = read(service.oneshot(order("999", "tea")).await.unwrap())
        .await
        .1;
    assert!(!replayed, "a day later it is not");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_attaches_keys_may_retry_its_writes() {
    let shop = Shop::default();
    let server = IdempotencyLayer::default().layer(shop.service(Duration::ZERO, 200));
    let lost = Arc::new(AtomicUsize::new(0));
    // The first two answers get lost on the way back.
    let network = service_fn(move |request: Request<_>| {
        let (server, lost) = (server.clone(), lost.clone());
        async move {
            let answer = server.oneshot(request.map(Body::new)).await.unwrap();
            let answer = read(answer).await;
            if lost.fetch_add(1, SeqCst) < 2 {
                return Err(BoxError::from("connection reset"));
            }
            Ok(Response::new(Body::from(answer.2)))
        }
    });
    let client = ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::default())
        .service(network);
    let request = Request::post("/orders").body(Body::from("tea")).unwrap();
    let response = client.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "1: tea");
    assert_eq!(shop.executed(), 1);
}
