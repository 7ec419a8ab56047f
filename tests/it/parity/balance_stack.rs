//! A balancer between a retry and a breaker for each endpoint.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_keep::{
    balance::{Balance, BalanceConfig},
    circuit_breaker::{Backpressure, CircuitBreakerConfig, CircuitBreakerLayer},
    protocol::Http,
    rejection::Rejection,
    retry::{BudgetConfig, RetryConfig, RetryLayer},
};
use tower_keep_test::Driven;
use tower_layer::Layer;
use tower_service::Service;

use crate::balance::{Replica, call, fleet, over, request};

/// RT14: a retry goes to another host.
/// To one that no earlier attempt of the call went to, if there is one; nothing to configure.
#[tokio::test(start_paused = true)]
async fn rt14() {
    fastrand::seed(14);
    let config = BalanceConfig {
        // Nothing but the attempts before tells them apart.
        failure_penalty: Duration::ZERO,
        ..BalanceConfig::without_ejection()
    };
    let retry = RetryConfig {
        max_attempts: 3,
        budget: BudgetConfig {
            ratio: 1000.0,
            floor: 1000,
        },
        ..RetryConfig::default()
    };
    for _ in 0..50 {
        let fleet = fleet(&[500; 3]);
        let (service, _) = over(config.clone(), &fleet);
        let service = RetryLayer::from_config(retry).unwrap().layer(service);
        service.oneshot(request()).await.unwrap();
        let calls: Vec<_> = fleet.iter().map(Replica::calls).collect();
        assert_eq!(calls, [1, 1, 1]);
    }
}

type Req = Request<Full<Bytes>>;

fn until_ready<S: Service<Req>>(service: &mut S) -> impl Future<Output = Result<&mut S, S::Error>> {
    service.ready()
}

/// A breaker for each endpoint, that opens after three failures for 10 s.
fn guarded(replica: &Replica) -> Backpressure<Replica, Http> {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        open_for: Duration::from_secs(10),
        ..CircuitBreakerConfig::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config).unwrap();
    breaker.backpressure().layer(replica.clone())
}

/// Under a balancer each endpoint has its own, made by the closure, and it goes with the endpoint.
#[tokio::test(start_paused = true)]
async fn each_endpoint_has_its_own_breaker() {
    let fleet = fleet(&[500, 200]);
    let balance = Balance::from_config(BalanceConfig {
        failure_penalty: Duration::ZERO,
        ..BalanceConfig::without_ejection()
    });
    let service = balance.unwrap().over(fleet.iter().map(guarded).enumerate());
    let mut failed = 0;
    for _ in 0..40 {
        failed += usize::from(call(&service).await != Some(StatusCode::OK));
    }
    assert_eq!((failed, fleet[0].calls(), fleet[1].calls()), (3, 3, 37));
}

/// CB29: pending while open, so that a balancer routes away.
/// `backpressure()`: `poll_ready` waits with a timer and holds a permit of a probe; without it the
/// breaker refuses in the call.
#[tokio::test(start_paused = true)]
async fn cb29() {
    let replica = Replica::new(500, 10);
    let breaker = CircuitBreakerLayer::new();
    let handle = breaker.handle();
    let service = breaker.backpressure().layer(replica.clone());
    while handle.snapshot().state.as_str() == "closed" {
        service.clone().oneshot(request()).await.unwrap();
    }
    let mut clone = service.clone();
    let mut ready = Driven::new(until_ready(&mut clone));
    assert!(ready.poll().is_pending());
    let open_for = handle.snapshot().open_for.unwrap();
    sleep(open_for - Duration::from_millis(10)).await;
    assert!(!ready.is_woken());
    sleep(Duration::from_millis(20)).await;
    assert!(ready.is_woken() && ready.poll().is_ready());
    assert_eq!(ready.polls(), 2);
    drop(ready);
    assert_eq!(handle.snapshot().probes.unwrap().running, 1, "reserved");
    drop(clone);
    assert_eq!(
        handle.snapshot().probes.unwrap().running,
        0,
        "and given back"
    );

    // Open by hand there is no time to wait for, only the hand.
    handle.force_open();
    let mut clone = service.clone();
    let mut ready = Driven::new(until_ready(&mut clone));
    assert!(ready.poll().is_pending());
    sleep(Duration::from_secs(3600)).await;
    assert!(!ready.is_woken());
    handle.auto();
    assert!(ready.is_woken() && ready.poll().is_ready());

    // All endpoints behind open breakers: the balancer waits for so long, and refuses.
    let guarded = guarded(&replica);
    for _ in 0..3 {
        guarded.clone().oneshot(request()).await.unwrap();
    }
    let balance = Balance::from_config(BalanceConfig::without_ejection()).unwrap();
    let service = balance.over([("only", guarded)]);
    let start = Instant::now();
    let refused = service.oneshot(request()).await.unwrap();
    assert_eq!(Rejection::of(&refused).unwrap().layer(), "balance");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}
