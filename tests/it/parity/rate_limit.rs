use std::{sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::future::join_all;
use http::{Request, Response};
use tokio::time::{Instant, advance};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    config::Enforce,
    observe::EventKind,
    rate_limit::{Learn, Limit, Rate, RateLimitConfig, RateLimitHandle, RateLimitLayer},
};
use tower_service::Service;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn handle(config: RateLimitConfig) -> RateLimitHandle {
    RateLimitLayer::from_config(config).unwrap().handle()
}

fn paced(rate: Rate) -> RateLimitHandle {
    handle(RateLimitConfig::paced(rate, 60 * SECOND))
}

fn available(handle: &RateLimitHandle) -> u64 {
    handle.snapshot().limits[0].available
}

/// How many calls get a permit now.
async fn burst(handle: &RateLimitHandle) -> usize {
    let mut admitted = 0;
    while handle.acquire(1).await.is_ok() {
        admitted += 1;
    }
    admitted
}

/// RL1: fixed window.
/// `Rate::reservoir(n, period)` fills up to `n` at each period and not before; its word is the same as that of every other rate.
#[tokio::test(start_paused = true)]
async fn rl1() {
    let handle = handle(RateLimitConfig::new(Rate::reservoir(10, SECOND)));
    assert_eq!(burst(&handle).await, 10);
    advance(999 * MS).await;
    assert_eq!(burst(&handle).await, 0);
    advance(MS).await;
    assert_eq!(burst(&handle).await, 10);
}

/// RL2: sliding window, by log or by two counters.
/// A smooth rate has no window whose edge could be used: any time, wherever it begins, sees at most the burst and what the rate gives, in one word and not in a log of calls.
#[tokio::test(start_paused = true)]
async fn rl2() {
    let handle = handle(RateLimitConfig::new(Rate::per_second(10)));
    advance(900 * MS).await;
    let before = burst(&handle).await;
    advance(200 * MS).await;
    let after = burst(&handle).await;
    assert_eq!(
        (before, after),
        (10, 2),
        "not 20 around the edge of a second"
    );
}

/// RL3: token bucket, GCRA.
/// GCRA in one atomic word: bursts up to `burst`, then evenly; the exact wait is known.
#[tokio::test(start_paused = true)]
async fn rl3() {
    let handle = handle(RateLimitConfig::new(Rate::per_second(100).burst(20)));
    assert_eq!(burst(&handle).await, 20);
    let refused = handle.acquire(1).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(10 * MS));
    advance(50 * MS).await;
    assert_eq!(burst(&handle).await, 5);
}

/// RL6: fail at once when the wait would be longer than the maximum.
/// The wait is known on arrival; one that would exceed `max_wait` or the deadline is refused there and then and books nothing.
#[tokio::test(start_paused = true)]
async fn rl6() {
    let config = RateLimitConfig::paced(Rate::every(SECOND), 500 * MS);
    let handle = handle(config);
    handle.acquire(1).await.unwrap();
    let start = Instant::now();
    assert!(handle.acquire(1).await.is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
    advance(500 * MS).await;
    handle.acquire(1).await.unwrap();
    assert_eq!(start.elapsed(), SECOND);
}

/// RL7: reservation: the wait is returned, first come first served by construction.
/// A call books its permits when it arrives and starts when they are there, so nobody overtakes and nobody races.
#[tokio::test(start_paused = true)]
async fn rl7() {
    let handle = paced(Rate::every(100 * MS));
    let start = Instant::now();
    let turns: Vec<_> = (0..10_u32).map(|n| (n, handle.acquire(1))).collect();
    join_all(turns.into_iter().rev().map(|(n, turn)| async move {
        turn.await.unwrap();
        assert_eq!(start.elapsed(), n * 100 * MS);
    }))
    .await;
}

/// RL8: weighted permits for each call.
/// `.cost(|request| ..)`, any number of permits, 0 to exempt; or `handle.acquire(n)`.
#[tokio::test(start_paused = true)]
async fn rl8() {
    let layer = RateLimitLayer::new(Rate::per_second(10)).plain();
    let layer = layer.cost(|n: &u64| *n);
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
    for cost in [7, 0, 3] {
        service.clone().oneshot(cost).await.unwrap();
    }
    assert!(service.oneshot(1).await.is_err());
    assert_eq!(available(&handle), 0);
}

/// RL9: permits are drained on a signal, such as a 429 from the service behind.
/// `follow_hints` empties the bucket and holds every call back until the service's `Retry-After` or `RateLimit` says; `drain` and `pause` do it by hand.
#[tokio::test(start_paused = true)]
async fn rl9() {
    let config = RateLimitConfig::client(Rate::per_second(10), Duration::ZERO);
    let layer = RateLimitLayer::from_config(config).unwrap();
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|_: Request<Body>| async {
            let answer = Response::builder().status(429).header("retry-after", "7");
            Ok::<_, BoxError>(answer.body(Body::empty()).unwrap())
        });
    service.oneshot(Request::new(Body::empty())).await.unwrap();
    let refused = handle.acquire(1).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(7 * SECOND));
}

/// RL10: the limit changes at run time.
/// `handle.update` keeps the permits that are there and those that are owed, and books those who wait again.
#[tokio::test(start_paused = true)]
async fn rl10() {
    let handle = paced(Rate::per_second(1).burst(10));
    handle.acquire(6).await.unwrap();
    let start = Instant::now();
    let waiting = handle.acquire(10);
    let config = RateLimitConfig {
        limits: vec![Rate::per_second(100).burst(10).into()],
        ..handle.config()
    };
    handle.update(config).unwrap();
    waiting.await.unwrap();
    assert_eq!(start.elapsed(), 60 * MS, "6 more at the new rate");
}

/// RL11: `Retry-After` and `RateLimit` headers.
/// Every refusal has an exact `Retry-After` and its milliseconds in the body; `headers = true` adds `RateLimit` and `RateLimit-Policy` of the IETF draft to answers and refusals.
#[tokio::test(start_paused = true)]
async fn rl11() {
    let config = RateLimitConfig {
        headers: true,
        ..RateLimitConfig::new(Rate::per_minute(2))
    };
    let service = ServiceBuilder::new()
        .layer(RateLimitLayer::from_config(config).unwrap())
        .service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::empty())) });
    let call = || service.clone().oneshot(Request::new(Body::empty()));
    let expected = [
        (200, r#""default";r=1;t=30"#),
        (200, r#""default";r=0;t=30"#),
        (429, r#""default";r=0;t=30"#),
    ];
    for (status, left) in expected {
        let response = call().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["ratelimit"], left);
        assert_eq!(
            response.headers()["ratelimit-policy"],
            r#""default";q=2;w=60"#
        );
        assert_eq!(
            response.headers().contains_key("retry-after"),
            status == 429
        );
    }
}

/// RL12: shadow: enabled and enforced are apart, in percent.
/// `enforce` from 0, a dry run that counts what it would have done, to 100; `enabled` switches all of it.
#[tokio::test(start_paused = true)]
async fn rl12() {
    let config = RateLimitConfig {
        enforce: Enforce::DRY_RUN,
        ..RateLimitConfig::new(Rate::per_minute(1))
    };
    let handle = handle(config.clone());
    let mut events = handle.subscribe(4);
    for _ in 0..3 {
        handle.acquire(1).await.unwrap();
    }
    for _ in 0..2 {
        let event = events.try_next().unwrap();
        assert!(
            matches!(event.kind, EventKind::CallWouldBeRejected { .. }),
            "{event}"
        );
    }
    assert_eq!(handle.snapshot().refused, 0);
    handle
        .update(RateLimitConfig {
            enforce: Enforce::ALL,
            ..config.clone()
        })
        .unwrap();
    assert!(handle.acquire(1).await.is_err());
    handle
        .update(RateLimitConfig {
            enabled: false,
            ..config
        })
        .unwrap();
    assert!(handle.acquire(1).await.is_ok());
}

/// RL13: warm-up: a slow ramp.
/// `warm_up` lets the rate grow evenly from a third to the whole, from the first call on; `handle.warm_up()` begins again.
#[tokio::test(start_paused = true)]
async fn rl13() {
    let config = RateLimitConfig {
        warm_up: Some(60 * SECOND),
        ..RateLimitConfig::new(Rate::per(30, 3 * SECOND))
    };
    let handle = handle(config);
    assert_eq!(burst(&handle).await, 10);
    advance(30 * SECOND).await;
    assert_eq!(burst(&handle).await, 20);
    advance(30 * SECOND).await;
    assert_eq!(burst(&handle).await, 30);
    handle.warm_up();
    advance(3 * SECOND).await;
    assert_eq!(burst(&handle).await, 10);
}

/// RL14: a client learns its rate.
/// `learn` lets the rate fall to 0.7 of itself at each second with a "too many", and rise evenly while there is none: additive increase, multiplicative decrease.
#[tokio::test(start_paused = true)]
async fn rl14() {
    let takes = handle(RateLimitConfig::new(Rate::per_second(40).burst(4)));
    let config = RateLimitConfig {
        learn: Some(Learn::default()),
        ..RateLimitConfig::paced(Rate::per_second(100).burst(1), 60 * SECOND)
    };
    let layer = RateLimitLayer::from_config(config).unwrap();
    let ours = layer.handle();
    let refused = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counter = refused.clone();
    let service =
        ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(move |_: Request<Body>| {
                let (takes, counter) = (takes.clone(), counter.clone());
                async move {
                    let mut response = Response::new(Body::empty());
                    if takes.acquire(1).await.is_err() {
                        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        *response.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
                    }
                    Ok::<_, BoxError>(response)
                }
            }));
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < 60 * SECOND {
        service
            .clone()
            .oneshot(Request::new(Body::empty()))
            .await
            .unwrap();
        calls += 1;
    }
    let refused = refused.load(std::sync::atomic::Ordering::Relaxed);
    assert!(ours.snapshot().share < 0.6, "{:?}", ours.snapshot());
    assert!(calls - refused > 60 * 40 * 8 / 10, "{calls} {refused}");
    assert!(
        refused * 10 < calls,
        "{refused} of {calls}: 3600 of 6000 without"
    );
}

/// RL15: the permit comes back if a readied clone is dropped.
/// Being ready takes nothing; a call that is dropped while it waits gives its booking back, and those behind it move up.
#[tokio::test(start_paused = true)]
async fn rl15() {
    let config = RateLimitConfig::paced(Rate::per_second(1).burst(2), 60 * SECOND);
    let layer = RateLimitLayer::from_config(config).unwrap().plain();
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
    for _ in 0..100 {
        service.clone().ready().await.unwrap();
    }
    assert_eq!(available(&handle), 2);
    handle.acquire(2).await.unwrap();
    let mut ready = service.clone();
    drop(ready.ready().await.unwrap().call(1));
    let start = Instant::now();
    service.oneshot(2).await.unwrap();
    assert_eq!(start.elapsed(), SECOND, "as if the other had never come");
}

/// RL16: one limit for a cluster.
/// Each of `n` replicas takes its share of the rate and the burst, by configuration or `handle.set_share(1.0 / n)` as replicas come and go: no store to ask on every call. Where calls are not spread evenly, limit at the balancer.
#[tokio::test(start_paused = true)]
async fn rl16() {
    let limit = Limit::new(Rate::per_second(100).burst(20));
    let replicas = [(); 4].map(|()| handle(RateLimitConfig::new(limit.clone())));
    for replica in &replicas {
        replica.set_share(0.25).unwrap();
    }
    let mut admitted = 0;
    for _ in 0..10 {
        for replica in &replicas {
            admitted += burst(replica).await;
        }
        advance(SECOND).await;
    }
    assert_eq!(
        admitted,
        10 * 20,
        "the bursts; the rate comes on top of them"
    );
    assert!(replicas[0].set_share(0.0).is_err());
}
