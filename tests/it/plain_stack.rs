//! All layers that make sense there on a service that is not HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    rejection::{Kind, Rejection},
    retry::RetryLayer,
    timeout::TimeoutLayer,
};

use crate::support::QuoteError;

macro_rules! stack {
    ($breaker:expr, $service:expr) => {
        ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(5)).plain())
            .layer(RetryLayer::default().plain())
            .layer($breaker.plain())
            .layer(BulkheadLayer::new(10).plain())
            .layer(TimeoutLayer::new(Duration::from_secs(1)).plain())
            .service($service)
    };
}

#[tokio::test(start_paused = true)]
async fn an_error_enum_of_your_own_goes_through_all_layers() {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = stack!(
        CircuitBreakerLayer::new(),
        service_fn({
            let calls = calls.clone();
            move |n: u64| {
                let lucky = calls.fetch_add(1, Relaxed) == 2;
                async move { if lucky { Ok(n) } else { Err(QuoteError::Busy) } }
            }
        })
    );
    assert_eq!(service.oneshot(7).await.unwrap(), 7);
    assert_eq!(calls.load(Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_opens_the_breaker_by_its_attempt_timeouts() {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..Default::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config).unwrap();
    let handle = breaker.handle();
    let service = stack!(
        breaker,
        service_fn(|_: u64| std::future::pending::<Result<u64, BoxError>>())
    );
    let error = service.clone().oneshot(1).await.unwrap_err();
    let rejection = Rejection::find(&*error).unwrap();
    assert!(
        matches!(rejection.kind(), Kind::DeadlineExceeded { .. }),
        "{rejection}"
    );
    assert_eq!(handle.snapshot().state.as_str(), "open");
    let error = service.oneshot(1).await.unwrap_err();
    assert_eq!(Rejection::find(&*error).unwrap().kind(), &Kind::CircuitOpen);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_outside_a_breaker_counts_as_a_failure_inside() {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..Default::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config).unwrap();
    let handle = breaker.handle();
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(100)).plain())
        .layer(breaker.plain())
        .service(service_fn(|_: u64| {
            std::future::pending::<Result<u64, BoxError>>()
        }));
    for _ in 0..3 {
        service.clone().oneshot(1).await.unwrap_err();
    }
    assert_eq!(handle.snapshot().state.as_str(), "open");
}
