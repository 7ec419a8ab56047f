//! What helps to test services that are built of these layers.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use tokio::time::{Instant, advance, sleep};
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::CircuitBreakerLayer,
    retry::RetryLayer,
    stack::ServerStack,
};
use tower_keep_test::{contract, script};
use tower_layer::Layer;

/// TE1: a clock that tests can turn.
/// All time is tokio's: with `start_paused` an hour of breaker, budget and timers passes in no time.
#[tokio::test(start_paused = true)]
async fn te1() {
    let layer = CircuitBreakerLayer::from_config(crate::circuit_breaker::after(1)).unwrap();
    let handle = layer.handle();
    let failing = layer.plain().layer(service_fn(|(): ()| async {
        Err::<(), BoxError>("down".into())
    }));
    failing.oneshot(()).await.unwrap_err();
    assert_eq!(handle.snapshot().state.as_str(), "open");
    advance(Duration::from_secs(3600)).await;
    assert_eq!(handle.snapshot().state.as_str(), "half_open");
}

/// TE3: service probes and mocks.
/// `tower-keep-test`: scripted services and bodies, a readiness probe, a matrix of the ways axum applies
/// a layer, and the contract that every layer here passes, for layers of your own.
#[tokio::test(start_paused = true)]
async fn te3() {
    let (service, mut handle) = script::plain::<u64, u64, BoxError>();
    let call = tokio::spawn(service.oneshot(1));
    tokio::task::yield_now().await;
    let (request, answer) = handle.try_next().unwrap();
    answer.send(request + 1);
    assert_eq!(call.await.unwrap().unwrap(), 2);
    contract::plain(|| BulkheadLayer::new(1).plain(), |_: &BulkheadLayer<_>| {}).await;
}

/// TE4: chance that can be repeated.
/// All chance of a thread comes from `fastrand`: `fastrand::seed` repeats waits, ramps and shares.
#[tokio::test(start_paused = true)]
async fn te4() {
    let mut waits = Vec::new();
    for seed in [7, 7, 8] {
        fastrand::seed(seed);
        let service = RetryLayer::default().layer(service_fn(|_: Request<_>| async {
            Response::builder().status(502).body(Body::empty())
        }));
        let start = Instant::now();
        service.oneshot(Request::new(Body::empty())).await.unwrap();
        waits.push(start.elapsed());
    }
    assert_eq!(waits[0], waits[1]);
    assert_ne!(waits[1], waits[2]);
}

/// TE2: a pipeline that can be asserted on.
/// A stack is data: compare it, serialize it, or look into `describe()`, which has every field.
#[test]
fn te2() {
    let stack = ServerStack::api().bulkhead(BulkheadConfig::new(7));
    let text = stack.describe();
    assert!(text.contains("bulkhead on"), "{text}");
    assert!(text.contains("max_concurrent = 7"), "{text}");
    assert_ne!(stack, ServerStack::api());
}

/// TE5: load against a policy, simulated.
/// The real layers under paused time: minutes of load in milliseconds, the same each time. `flood.rs` holds
/// the adaptive limit against three times the capacity in this way.
#[tokio::test(start_paused = true)]
async fn te5() {
    let bulkhead = BulkheadLayer::new(10).plain();
    let works = service_fn(|(): ()| async {
        sleep(Duration::from_millis(50)).await;
        Ok::<_, BoxError>(())
    });
    // 500 calls a second for ten seconds, where 200 can be served.
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5000 {
        calls.spawn(bulkhead.layer(works).oneshot(()));
        sleep(Duration::from_millis(2)).await;
    }
    let answers = calls.join_all().await;
    let served = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1800..=2000).contains(&served), "{served}");
}
