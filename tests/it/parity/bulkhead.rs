//! At most so many at once.

use std::time::Duration;

use axum::{Router, body::Body, routing::get};
use http::Request;
use tokio::time::{Instant, timeout};
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadLayer, CpuBulkhead, Permit},
    observe::{Condition, Watch},
    rejection::{Kind, Rejection},
};
use tower_layer::Layer;
use tower_service::Service;

const SECOND: Duration = Duration::from_secs(1);

fn queued(max_concurrent: usize, max_queue: usize) -> BulkheadLayer {
    let config = BulkheadConfig {
        max_queue,
        max_wait: 10 * SECOND,
        ..BulkheadConfig::new(max_concurrent)
    };
    BulkheadLayer::from_config(config).unwrap()
}

/// Takes a place, or says why there is none.
async fn take(layer: &BulkheadLayer) -> Result<Permit, Rejection> {
    layer.handle().acquire().await
}

/// BH1: so many at once, the next is refused at once.
/// `BulkheadLayer::new(n)`, which is the default: no queue.
#[tokio::test(start_paused = true)]
async fn bh1() {
    let layer = BulkheadLayer::new(2);
    let _places = [take(&layer).await.unwrap(), take(&layer).await.unwrap()];
    let start = Instant::now();
    let refused = take(&layer).await.unwrap_err();
    assert_eq!(refused.kind(), &Kind::BulkheadFull { limit: 2 });
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// BH2: a wait for a place, with an end.
/// `max_wait`, and never past the call's deadline.
#[tokio::test(start_paused = true)]
async fn bh2() {
    let layer = queued(1, 1);
    let _place = take(&layer).await.unwrap();
    let start = Instant::now();
    let refused = take(&layer).await.unwrap_err();
    assert!(matches!(refused.kind(), Kind::QueueTimeout { .. }));
    assert_eq!(start.elapsed(), 10 * SECOND);
}

/// BH3: a queue of a bounded length.
/// `max_queue`; what does not fit is refused at once.
#[tokio::test(start_paused = true)]
async fn bh3() {
    let layer = queued(1, 2);
    let _place = take(&layer).await.unwrap();
    let waiting: Vec<_> = (0..2)
        .map(|_| tokio::spawn(layer.handle().acquire()))
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(layer.handle().snapshot().waiting, 2);
    assert!(
        timeout(Duration::ZERO, take(&layer))
            .await
            .unwrap()
            .is_err()
    );
    drop(waiting);
}

/// BH4: first come, first served.
/// The queue is in order, and a newcomer does not pass it.
#[tokio::test(start_paused = true)]
async fn bh4() {
    let layer = queued(1, 10);
    let place = take(&layer).await.unwrap();
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..5 {
        let (acquire, sender) = (layer.handle().acquire(), sender.clone());
        tokio::spawn(async move {
            let place = acquire.await.unwrap();
            sender.send(n).unwrap();
            drop(place);
        });
        tokio::task::yield_now().await;
    }
    drop((place, sender));
    let mut came = Vec::new();
    while let Some(n) = order.recv().await {
        came.push(n);
    }
    assert_eq!(came, [0, 1, 2, 3, 4]);
}

/// BH6: a call keeps its place until its body ends.
/// The place lives in the response's body.
#[tokio::test(start_paused = true)]
async fn bh6() {
    let layer = BulkheadLayer::new(1);
    let app = Router::new()
        .route("/", get(|| async { "a body" }))
        .layer(layer.clone());
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(layer.handle().snapshot().running, 1);
    drop(response);
    assert_eq!(layer.handle().snapshot().running, 0);
}

/// BH7: resized while calls run.
/// `handle.update(..)`: those who wait get in at once, those who run keep their places.
#[tokio::test(start_paused = true)]
async fn bh7() {
    let layer = queued(1, 1);
    let _place = take(&layer).await.unwrap();
    let waits = tokio::spawn(layer.handle().acquire());
    tokio::task::yield_now().await;
    let config = BulkheadConfig {
        max_concurrent: 2,
        ..layer.handle().config()
    };
    layer.handle().update(config).unwrap();
    let _second = timeout(SECOND, waits).await.unwrap().unwrap().unwrap();
    assert_eq!(layer.handle().snapshot().running, 2);
}

/// BH8: back-pressure through readiness.
/// On purpose not: a place that `poll_ready` reserves is held by every idle clone, and axum and balancers
/// keep such clones. Readiness passes through, the call waits in its future, and a readied clone that is
/// never called costs nobody a place.
#[tokio::test(start_paused = true)]
async fn bh8() {
    let layer = BulkheadLayer::new(1).plain();
    let echo = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let mut idle = layer.layer(echo);
    std::future::poll_fn(|cx| idle.poll_ready(cx))
        .await
        .unwrap();
    assert_eq!(layer.layer(echo).oneshot(7).await.unwrap(), 7);
}

/// BH9: parts of the places for parts of the calls.
/// A bulkhead for each part guarantees its share; where a part may use what others leave, the adaptive
/// limit has partitions.
#[tokio::test(start_paused = true)]
async fn bh9() {
    let parts = [BulkheadLayer::new(7), BulkheadLayer::new(3)];
    let mut greedy = Vec::new();
    while let Ok(place) = take(&parts[0]).await {
        greedy.push(place);
    }
    assert_eq!(greedy.len(), 7);
    assert!(take(&parts[1]).await.is_ok(), "the others' share is theirs");
}

/// BH12: how full it is.
/// `handle.snapshot()`, `vitals()`, and the gauge `tower_keep_in_flight`.
#[tokio::test(start_paused = true)]
async fn bh12() {
    let layer = queued(1, 1);
    let _place = take(&layer).await.unwrap();
    let now = layer.handle().snapshot();
    assert_eq!((now.running, now.waiting, now.max_concurrent), (1, 0, 1));
    assert_eq!(layer.handle().vitals().condition, Condition::Strained);
}

/// BH13: threads of its own.
/// `CpuBulkhead`: work that computes, on blocking threads, so many at once.
#[tokio::test]
async fn bh13() {
    let pool = CpuBulkhead::new(1);
    let here = std::thread::current().id();
    let there = pool.run(|| std::thread::current().id()).await.unwrap();
    assert_ne!(here, there);
}
