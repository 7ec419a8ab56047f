//! Answers that are given again.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt, service_fn};
use tower_keep::cache::{CacheConfig, CacheLayer};
use tower_layer::Layer;

/// The layer around a service that answers with this status and `Cache-Control`.
fn around(
    layer: &CacheLayer,
    calls: &Arc<AtomicUsize>,
    status: StatusCode,
    says: &'static str,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + use<>>,
    Error = Infallible,
> + Clone
+ use<> {
    let calls = calls.clone();
    layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
        calls.fetch_add(1, Relaxed);
        let mut answer = Response::new(Full::new(Bytes::from_static(b"answer")));
        *answer.status_mut() = status;
        let asks = request.headers().contains_key("if-none-match");
        if asks && status.is_success() {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = answer.headers_mut();
        headers.insert("etag", "\"1\"".parse().unwrap());
        headers.insert("cache-control", says.parse().unwrap());
        async move { Ok::<_, Infallible>(answer) }
    }))
}

async fn ask<S, B>(service: &S, path: &str) -> StatusCode
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let request = Request::get(path).body(Full::default()).unwrap();
    let Ok(answer) = service.clone().oneshot(request).await;
    let status = answer.status();
    answer.into_body().collect().await.unwrap();
    status
}

/// CA1: a cache of answers with a key, a time to live and eviction.
/// Yes, over HTTP: a key of your own, `default_ttl` where answers say nothing, bounded by bytes with
/// S3-FIFO, which scans do not empty. There is no choice of policy.
#[tokio::test(start_paused = true)]
async fn ca1() {
    let config = CacheConfig {
        max_bytes: 4096,
        max_body: 64,
        default_ttl: Some(Duration::from_secs(5)),
        ..CacheConfig::default()
    };
    let layer = CacheLayer::from_config(config).unwrap();
    let layer = layer.key(|head| Some(head.uri.path().to_owned()));
    let calls = Arc::new(AtomicUsize::new(0));
    let service = around(&layer, &calls, StatusCode::OK, "public");
    ask(&service, "/a?x=1").await;
    ask(&service, "/a?x=2").await;
    assert_eq!(calls.load(Relaxed), 1);
    for n in 0..100 {
        ask(&service, &format!("/{n}")).await;
    }
    assert!(layer.handle().snapshot().bytes <= 4096);
}

/// CA2: the semantics of HTTP: `Cache-Control`, `Vary`, validators.
/// Yes: RFC 9111 as a shared or a private cache, with conditional requests, `Age`, invalidation by
/// unsafe methods and `only-if-cached`; no heuristics.
#[tokio::test(start_paused = true)]
async fn ca2() {
    let layer = CacheLayer::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let service = around(&layer, &calls, StatusCode::OK, "max-age=5");
    for (after, calls_made) in [(0, 1), (4, 1), (1, 2), (4, 2)] {
        tokio::time::advance(Duration::from_secs(after)).await;
        assert_eq!(ask(&service, "/a").await, StatusCode::OK);
        assert_eq!(calls.load(Relaxed), calls_made);
    }
    assert_eq!(layer.handle().snapshot().revalidated, 1);
}

/// CA3: stale answers on error and while one asks.
/// Yes (RFC 5861): as the answer says or as configured; a refusal by a layer inside counts as an error,
/// and the one who asks is the first caller, so nothing runs in the background.
#[tokio::test(start_paused = true)]
async fn ca3() {
    let layer = CacheLayer::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let says = "max-age=5, stale-if-error=60";
    ask(&around(&layer, &calls, StatusCode::OK, says), "/a").await;
    tokio::time::advance(Duration::from_secs(30)).await;
    let failing = around(&layer, &calls, StatusCode::BAD_GATEWAY, says);
    assert_eq!(ask(&failing, "/a").await, StatusCode::OK);
    assert_eq!(layer.handle().snapshot().stale, 1);
}

/// CA4: a hit does not need the service inside to be ready.
/// Yes: the layer is ready at all times, and a call that needs the service waits for it in its future.
#[tokio::test(start_paused = true)]
async fn ca4() {
    let layer = CacheLayer::new();
    let calls = Arc::new(AtomicUsize::new(0));
    ask(&around(&layer, &calls, StatusCode::OK, "max-age=5"), "/a").await;
    let answers = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let saturated = tower::limit::ConcurrencyLimitLayer::new(0).layer(answers);
    let service = layer.layer(saturated);
    assert_eq!(ask(&service, "/a").await, StatusCode::OK);
    let miss = tokio::time::timeout(Duration::from_secs(1), ask(&service, "/b")).await;
    assert!(miss.is_err(), "waits");
}
