//! The rate limit from outside: refusing, waiting, steering.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures_util::{FutureExt, future::join_all};
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tokio::{
    task::yield_now,
    time::{Instant, advance},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    context::Deadline,
    observe::{Condition, EventKind, Watch},
    rate_limit::{Limit, Rate, RateLimitConfig, RateLimitHandle, RateLimitLayer},
    rejection::{Kind, Rejection},
};
use tower_service::Service;

const MS: Duration = Duration::from_millis(1);

fn echo() -> impl Service<u64, Response = u64, Error = BoxError, Future: Send> + Clone {
    service_fn(|n: u64| async move { Ok::<_, BoxError>(n) })
}

fn available(handle: &RateLimitHandle) -> u64 {
    handle.snapshot().limits[0].available
}

fn paced(rate: Rate, max_wait: Duration) -> RateLimitLayer {
    RateLimitLayer::from_config(RateLimitConfig::paced(rate, max_wait)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_told_exactly_when_to_come_back() {
    let layer = RateLimitLayer::new(Rate::per_second(4).burst(2)).named("orders");
    let handle = layer.handle();
    let mut events = handle.subscribe(4);
    let app = Router::new()
        .route("/", get(|| async { "ok" }))
        .layer(layer);
    let call = || app.clone().oneshot(Request::new(Body::empty()));
    for _ in 0..2 {
        assert_eq!(call().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(handle.vitals().condition, Condition::Strained);
    advance(100 * MS).await;
    let response = call().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(
        !response.headers().contains_key("ratelimit"),
        "by default nobody is told"
    );
    let rejection = Rejection::of(&response).unwrap();
    assert_eq!(rejection.kind(), &Kind::RateLimited);
    assert_eq!(rejection.retry_after(), Some(150 * MS));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["retry_after_ms"], 150);
    assert_eq!(problem["executed"], false);
    let event = events.try_next().unwrap();
    assert_eq!(
        event.to_string(),
        "rate_limit orders: call rejected: the rate is exceeded"
    );

    advance(149 * MS).await;
    assert_eq!(
        call().await.unwrap().status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    advance(MS).await;
    assert_eq!(call().await.unwrap().status(), StatusCode::OK);
    assert_eq!(handle.snapshot().refused, 2);
}

#[tokio::test(start_paused = true)]
async fn a_grpc_caller_gets_a_status_and_a_pushback() {
    let service = ServiceBuilder::new()
        .layer(RateLimitLayer::new(Rate::every(2 * Duration::from_secs(1))))
        .service_fn(|_: Request<Body>| async {
            Ok::<_, BoxError>(http::Response::new(Body::empty()))
        });
    let call = || {
        Request::builder()
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .body(Body::empty())
            .unwrap()
    };
    service.clone().oneshot(call()).await.unwrap();
    let response = service.oneshot(call()).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "2000");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_start_in_their_order_at_an_even_distance() {
    let layer = paced(Rate::every(100 * MS), Duration::from_secs(1)).plain();
    let handle = layer.handle();
    let start = Instant::now();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = ServiceBuilder::new().layer(layer).service(service_fn({
        let seen = seen.clone();
        move |n: u64| {
            seen.lock().unwrap().push((n, start.elapsed()));
            async move { Ok::<_, BoxError>(n) }
        }
    }));
    let calls: Vec<_> = (0..5).map(|n| service.clone().oneshot(n)).collect();
    // Polled in reverse: the booking was made by the call.
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    for call in &mut calls {
        assert!(call.now_or_never().is_none() || seen.lock().unwrap().len() == 1);
    }
    calls.reverse();
    assert_eq!(handle.snapshot().waiting, 4);
    for answer in join_all(calls.into_iter().take(4)).await {
        answer.unwrap();
    }
    let expected: Vec<_> = (0..5)
        .map(|n| (n, u32::try_from(n).unwrap() * 100 * MS))
        .collect();
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(handle.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_be_too_long_fails_at_once() {
    let layer = paced(Rate::every(400 * MS), Duration::from_secs(1)).plain();
    let handle = layer.handle();
    let _running: Vec<_> = (0..3)
        .map(|_| {
            let acquire = handle.acquire(1);
            tokio::spawn(acquire)
        })
        .collect();
    let start = Instant::now();
    let rejection = handle.acquire(1).await.unwrap_err();
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "it does not wait to find out"
    );
    assert_eq!(rejection.retry_after(), Some(1200 * MS));
    assert_eq!(handle.snapshot().waiting, 2);

    // A deadline counts like the maximum wait, and takes nothing.
    advance(800 * MS).await;
    yield_now().await;
    let soon = Deadline::after(300 * MS);
    assert!(soon.scope(async { handle.acquire(1).await }).await.is_err());
    let later = Deadline::after(500 * MS);
    assert!(later.scope(async { handle.acquire(1).await }).await.is_ok());
    assert_eq!(start.elapsed(), 1200 * MS);
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_makes_room_for_those_behind() {
    let handle = paced(Rate::every(100 * MS), Duration::from_secs(10)).handle();
    handle.acquire(1).await.unwrap();
    let start = Instant::now();
    let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(handle.acquire(1))).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    // The second leaves, then the last: neither takes part any more.
    drop(waiting.remove(1));
    drop(waiting.pop());
    assert_eq!(handle.snapshot().waiting, 2);
    for (one, at) in waiting.into_iter().zip([100, 200]) {
        one.await.unwrap();
        assert_eq!(start.elapsed(), at * MS);
    }
    // Nor is anything left of what they booked.
    handle.acquire(1).await.unwrap();
    assert_eq!(start.elapsed(), 300 * MS);
}

#[tokio::test(start_paused = true)]
async fn one_who_is_not_polled_holds_nobody_up() {
    let handle = paced(Rate::every(100 * MS), Duration::from_secs(10)).handle();
    handle.acquire(1).await.unwrap();
    let mut stuck = Box::pin(handle.acquire(1));
    assert!((&mut stuck).now_or_never().is_none());
    let start = Instant::now();
    handle.acquire(1).await.unwrap();
    assert_eq!(start.elapsed(), 200 * MS);
    drop(stuck);
    assert_eq!(handle.snapshot().waiting, 0);
    handle.acquire(1).await.unwrap();
    assert_eq!(start.elapsed(), 300 * MS, "what it had booked has passed");
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_permits_and_books_those_who_wait_again() {
    let second = Duration::from_secs(1);
    let handle = paced(Rate::per_second(10).burst(10), 10 * second).handle();
    handle.acquire(4).await.unwrap();
    let change = |rate| RateLimitConfig {
        limits: vec![Limit::new(rate)],
        ..handle.config()
    };
    handle
        .update(change(Rate::per_second(1).burst(10)))
        .unwrap();
    assert_eq!(available(&handle), 6, "what was there stays");
    handle.update(change(Rate::per_second(1).burst(3))).unwrap();
    assert_eq!(available(&handle), 3, "as far as it fits");
    handle.acquire(3).await.unwrap();

    let start = Instant::now();
    let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(handle.acquire(1))).collect();
    for one in &mut waiting {
        assert!(one.now_or_never().is_none());
    }
    let mut events = handle.subscribe(1);
    advance(500 * MS).await;
    // Half a permit has grown; the rest comes ten times as fast.
    handle
        .update(change(Rate::per_second(10).burst(3)))
        .unwrap();
    let event = events.try_next().unwrap();
    assert!(
        event.to_string().contains("permits: 1 -> 10") || event.to_string().contains("limits:"),
        "{event}"
    );
    for (one, at) in waiting.into_iter().zip([550, 650, 750, 850]) {
        one.await.unwrap();
        assert_eq!(start.elapsed(), at * MS);
    }

    // A slower rate refuses those who would now wait too long.
    let mut last = Box::pin(handle.acquire(2));
    assert!((&mut last).now_or_never().is_none());
    handle
        .update(change(Rate::every(60 * second).burst(3)))
        .unwrap();
    let rejection = last.await.unwrap_err();
    assert_eq!(rejection.retry_after(), Some(120 * second));
    assert_eq!(handle.snapshot().waiting, 0);
    handle
        .update(RateLimitConfig {
            enabled: false,
            ..handle.config()
        })
        .unwrap();
    handle.acquire(100).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn switching_it_off_lets_those_who_wait_start() {
    let handle = paced(
        Rate::every(Duration::from_secs(60)),
        Duration::from_secs(600),
    )
    .handle();
    handle.acquire(1).await.unwrap();
    let waiting = tokio::spawn(handle.acquire(1));
    yield_now().await;
    handle
        .update(RateLimitConfig {
            enabled: false,
            ..handle.config()
        })
        .unwrap();
    let start = Instant::now();
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_at_all_is_refused_without_a_time() {
    let handle = paced(Rate::per_second(10).burst(5), Duration::from_secs(60)).handle();
    let rejection = handle.acquire(6).await.unwrap_err();
    assert_eq!(rejection.retry_after(), None);
    assert_eq!(available(&handle), 5);
}

#[tokio::test(start_paused = true)]
async fn observers_see_each_call_come_and_go() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let layer = paced(Rate::every(100 * MS), Duration::from_secs(1));
    let layer = layer.plain().observe({
        let seen = seen.clone();
        move |event: &tower_keep::observe::Event| seen.lock().unwrap().push(event.kind.clone())
    });
    let service = ServiceBuilder::new().layer(layer).service(echo());
    for n in 0..2 {
        service.clone().oneshot(n).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    let waits: Vec<_> = seen
        .iter()
        .filter_map(|kind| match kind {
            EventKind::CallAdmitted { waited } => Some(*waited),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [Duration::ZERO, 100 * MS]);
    assert_eq!(
        seen.len(),
        4,
        "each is released as it is admitted: {seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_give_up_and_rates_that_change_lose_no_permit_on_many_threads() {
    let handle = paced(
        Rate::per_second(1_000_000).burst(10),
        Duration::from_secs(60),
    )
    .handle();
    let callers = (0..8_u64).map(|caller| {
        let handle = handle.clone();
        tokio::spawn(async move {
            for call in 0..1_000_u64 {
                let patience = (caller + call) % 4;
                let give_up = async {
                    for _ in 0..patience {
                        yield_now().await;
                    }
                };
                tokio::select! {
                    biased;
                    _ = handle.acquire(1 + call % 3) => {}
                    () = give_up => {}
                }
                if call % 100 == 0 {
                    let rate = Rate::per_second(1_000_000 >> (call / 100)).burst(5 + call / 100);
                    let limits = vec![Limit::new(rate)];
                    handle
                        .update(RateLimitConfig {
                            limits,
                            ..handle.config()
                        })
                        .unwrap();
                }
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    assert_eq!(handle.snapshot().waiting, 0);
    let full = Instant::now();
    while available(&handle) < handle.snapshot().limits[0].capacity {
        assert!(
            full.elapsed() < Duration::from_secs(30),
            "{:?}",
            handle.snapshot()
        );
        yield_now().await;
    }
}

/// What callers do: after so many milliseconds, one wants so much, and gives up after so many more.
fn arrivals() -> impl Strategy<Value = Vec<(u32, u64, u32)>> {
    proptest::collection::vec((0..60_u32, 1..4_u64, 0..900_u32), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// With calls that wait, cost different amounts and give up: in any time, at most the burst and what
    /// the rate gives; and nobody overtakes.
    #[test]
    fn in_any_time_no_more_start_than_may(burst in 3..6_u64, arrivals in arrivals()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let interval = 20_u64;
        let started = runtime.block_on(async {
            let rate = Rate::per_second(1000 / interval).burst(burst);
            let handle = paced(rate, Duration::from_millis(600)).handle();
            let start = Instant::now();
            let started = Arc::new(Mutex::new(Vec::new()));
            let mut callers = Vec::new();
            for (caller, (after, cost, patience)) in arrivals.into_iter().enumerate() {
                tokio::time::sleep(after * MS).await;
                let started = started.clone();
                let turn = handle.acquire(cost);
                callers.push(tokio::spawn(async move {
                    if let Ok(Ok(())) = tokio::time::timeout(patience * MS, turn).await {
                        let at = start.elapsed().as_millis() as u64;
                        started.lock().unwrap().push((at, cost, caller));
                    }
                }));
            }
            join_all(callers).await;
            assert_eq!(handle.snapshot().waiting, 0);
            Arc::try_unwrap(started).unwrap().into_inner().unwrap()
        });
        for (first, (from, _, before)) in started.iter().enumerate() {
            let mut sum = 0;
            for (to, cost, after) in &started[first..] {
                sum += cost;
                prop_assert!(sum * interval <= burst * interval + (to - from), "{started:?}");
                prop_assert!(from == to || before < after, "{started:?}");
            }
        }
    }
}
