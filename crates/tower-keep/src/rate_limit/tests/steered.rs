//! What a limit does when it is switched, saved or told twice.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};

use crate::rate_limit::{
    Learn, Meter, Rate, RateLimitConfig, RateLimitHandle, RateLimitLayer, saved::Saved,
};

const HOUR: Duration = Duration::from_secs(3600);

fn layer(config: RateLimitConfig) -> RateLimitLayer {
    RateLimitLayer::from_config(config).unwrap()
}

fn left(handle: &RateLimitHandle) -> u64 {
    handle.snapshot().limits[0].available
}

async fn answer(_: Request<()>) -> Result<Response<String>, std::convert::Infallible> {
    Ok(Response::new(String::new()))
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_a_day_outlives_a_restart() {
    for rate in [Rate::per(96, 24 * HOUR), Rate::reservoir(96, 24 * HOUR)] {
        let made = || layer(RateLimitConfig::new(rate)).handle();
        let before = made();
        // In the middle of the day.
        tokio::time::advance(12 * HOUR).await;
        before.acquire(90).await.unwrap();
        let saved = serde_json::to_value(Saved::of(&before)).unwrap();
        let again = |age: Duration| {
            let handle = made();
            let saved: Saved = serde_json::from_value(saved.clone()).unwrap();
            saved.restore(&handle, age).unwrap();
            handle
        };
        assert_eq!(left(&again(Duration::ZERO)), 6, "{rate}");
        let after = again(6 * HOUR);
        let (then, full) = match rate.refill {
            crate::rate_limit::Refill::AtOnce => (6, 96),
            _ => (30, 54),
        };
        assert_eq!(left(&after), then, "{rate} after six hours");
        assert_eq!(left(&again(12 * HOUR)), full, "{rate} after twelve");
        tokio::time::advance(6 * HOUR).await;
        assert_eq!(left(&after), full, "{rate} at the end of the day");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_made_once_whoever_asks_for_it_again() {
    let outer = layer(RateLimitConfig::client(Rate::per(10, HOUR), Duration::ZERO));
    let inner = layer(RateLimitConfig::new(Rate::per(1, HOUR)));
    inner.handle().drain();
    let handle = outer.handle();
    handle.acquire(5).await.unwrap();
    let meter = Meter::new();
    let mut request = Request::new(());
    request.extensions_mut().insert(meter.clone());
    let service = outer
        .cost(|_: &Request<()>| 5)
        .layer(inner.layer(service_fn(answer)));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(left(&handle), 5, "the call was not made");
    meter.spent(0);
    assert_eq!(left(&handle), 5, "and cost nothing, which is known");
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_says_and_learns_nothing() {
    let off = RateLimitConfig {
        enabled: false,
        headers: true,
        follow_hints: true,
        ..RateLimitConfig::new(Rate::per(10, HOUR))
    };
    let layer = layer(off);
    let handle = layer.handle();
    let service = layer.layer(service_fn(async |_: Request<()>| {
        let answer = Response::builder().status(429).header("retry-after", "60");
        Ok::<_, std::convert::Infallible>(answer.body(String::new()).unwrap())
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert!(!response.headers().contains_key("ratelimit"));
    assert_eq!(left(&handle), 10, "not paused");
}

#[tokio::test(start_paused = true)]
async fn whoever_was_let_go_by_a_limit_switched_off_is_not_put_off_again() {
    let config = RateLimitConfig::paced(Rate::per(1, HOUR), 10 * HOUR);
    let handle = layer(config.clone()).handle();
    handle.acquire(1).await.unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    let mut first = Box::pin(handle.acquire(1));
    let mut second = pin!(handle.acquire(1));
    assert!(first.as_mut().poll(cx).is_pending());
    assert!(second.as_mut().poll(cx).is_pending());
    handle
        .update(RateLimitConfig {
            enabled: false,
            ..config
        })
        .unwrap();
    drop(first);
    handle.drain();
    assert!(matches!(second.as_mut().poll(cx), Poll::Ready(Ok(()))));
}

#[tokio::test(start_paused = true)]
async fn a_new_rate_refills_no_sooner_than_the_period_is_over() {
    // Rounded up, its period is a little longer than a second: over hours the edges move.
    let config = RateLimitConfig::new(Rate::reservoir(999_983, Duration::from_secs(1)));
    let handle = layer(config).handle();
    tokio::time::advance(5 * HOUR).await;
    for share in [0.9, 0.8, 0.7, 0.6, 0.5] {
        // Just after an edge.
        handle.drain();
        while left(&handle) < 1000 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        handle.acquire(left(&handle)).await.unwrap();
        handle.set_share(share).unwrap();
        tokio::time::advance(Duration::from_millis(900)).await;
        assert_eq!(left(&handle), 0, "at {share}");
    }
}

#[test]
fn what_is_learnt_while_learning_is_switched_off_is_forgotten() {
    let by = Learn::default();
    let config = RateLimitConfig::new(Rate::per_second(100));
    let handle = layer(RateLimitConfig {
        learn: Some(by),
        ..config.clone()
    })
    .handle();
    // The answer came before the update, and is noted after it.
    handle.update(config).unwrap();
    let (from, to) = handle.shared.learn_by(&by, true).unwrap();
    handle.shared.apply_learnt(from, to, true);
    assert_eq!(handle.snapshot().share, 1.0);
    assert_eq!(left(&handle), 100);
}
