//! The rate limit of a client: hints, learning, metering, several limits, headers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use tokio::time::{Instant, advance};
use tower::{ServiceBuilder, ServiceExt};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    observe::EventKind,
    rate_limit::{Learn, Limit, Meter, Rate, RateLimitConfig, RateLimitLayer},
    rejection::Rejection,
};
use tower_service::Service;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn client(config: RateLimitConfig) -> RateLimitLayer {
    RateLimitLayer::from_config(config).unwrap()
}

/// Answers with this status and these headers.
fn answering(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone
{
    tower::service_fn(move |_: Request<Body>| {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        async move { Ok::<_, BoxError>(response.body(Body::empty()).unwrap()) }
    })
}

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_us_to_wait_is_obeyed_by_every_call() {
    // What it says, and for how long nobody is let in then.
    let ten = Rate::per_second(10).burst(5);
    type Headers = &'static [(&'static str, &'static str)];
    let table: [(u16, Headers, Duration); 8] = [
        (429, &[("retry-after", "3")], 3 * SECOND),
        (503, &[("retry-after-ms", "250")], 250 * MS),
        (429, &[], 100 * MS),
        (200, &[("ratelimit", "\"a\";r=0;t=2")], 2 * SECOND),
        (200, &[("ratelimit", "\"a\";r=7;t=2")], Duration::ZERO),
        (
            200,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2")],
            2 * SECOND,
        ),
        (202, &[("retry-after", "60")], Duration::ZERO),
        (500, &[], Duration::ZERO),
    ];
    for (status, headers, wait) in table {
        let layer = client(RateLimitConfig::client(ten, Duration::ZERO));
        let handle = layer.handle();
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(answering(status, headers));
        service.oneshot(Request::new(Body::empty())).await.unwrap();
        let again = handle.acquire(1).await;
        let after = again.err().and_then(|refused| refused.retry_after());
        assert_eq!(after.unwrap_or_default(), wait, "{status} {headers:?}");
        advance(wait).await;
        handle
            .acquire(if wait.is_zero() { 2 } else { 1 })
            .await
            .unwrap();
        let more = handle.acquire(1).await;
        assert_eq!(more.is_err(), !wait.is_zero(), "the bucket was emptied");
    }
    // And nobody listens if not told to.
    let layer = RateLimitLayer::new(ten);
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(answering(429, &[("retry-after", "3")]));
    service.oneshot(Request::new(Body::empty())).await.unwrap();
    handle.acquire(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_put_off_too_or_refused_if_that_is_too_long() {
    let handle = client(RateLimitConfig::client(Rate::every(SECOND), 5 * SECOND)).handle();
    handle.acquire(1).await.unwrap();
    let start = Instant::now();
    let waiting = [(); 4].map(|()| tokio::spawn(handle.acquire(1)));
    tokio::task::yield_now().await;
    handle.pause(3 * SECOND);
    let answers = join_all(waiting).await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().is_ok())
        .collect();
    assert_eq!(answers, [true, true, true, false]);
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_learnt_and_forgotten() {
    let config = RateLimitConfig {
        learn: Some(Learn::default()),
        ..RateLimitConfig::new(Rate::per_second(100))
    };
    let layer = client(config);
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let status = Arc::new(Mutex::new(StatusCode::TOO_MANY_REQUESTS));
    let service = ServiceBuilder::new().layer(layer).service_fn({
        let status = status.clone();
        move |_: Request<Body>| {
            let status = *status.lock().unwrap();
            async move {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = status;
                Ok::<_, BoxError>(response)
            }
        }
    });
    let call = || service.clone().oneshot(Request::new(Body::empty()));
    for _ in 0..5 {
        call().await.unwrap();
    }
    assert_eq!(handle.snapshot().share, 0.7, "five at once are one signal");
    let event = events.try_next().unwrap();
    assert!(
        matches!(
            event.kind,
            EventKind::LimitChanged {
                from: 100,
                to: 70,
                ..
            }
        ),
        "{event}"
    );
    assert!(events.try_next().is_none());
    *status.lock().unwrap() = StatusCode::OK;
    advance(6 * SECOND).await;
    call().await.unwrap();
    assert!((handle.snapshot().share - 0.8).abs() < 1e-9);
    advance(60 * SECOND).await;
    call().await.unwrap();
    assert_eq!(handle.snapshot().share, 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_inside_refused_takes_nothing_if_told_so() {
    for (refund, left) in [(true, 5), (false, 3)] {
        let config = RateLimitConfig {
            refund_refused: refund,
            ..RateLimitConfig::new(Rate::per_hour(5))
        };
        let layer = client(config.clone());
        let handle = layer.handle();
        let service = ServiceBuilder::new()
            .layer(layer)
            .layer(BulkheadLayer::new(0))
            .service(answering(200, &[]));
        for _ in 0..2 {
            let response = service
                .clone()
                .oneshot(Request::new(Body::empty()))
                .await
                .unwrap();
            assert_eq!(Rejection::of(&response).unwrap().layer(), "bulkhead");
        }
        assert_eq!(handle.snapshot().limits[0].available, left);

        let layer = client(config).plain();
        let handle = layer.handle();
        let service = ServiceBuilder::new()
            .layer(layer)
            .layer(BulkheadLayer::new(0).plain())
            .service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
        for n in 0..2 {
            assert!(service.clone().oneshot(n).await.is_err());
        }
        assert_eq!(handle.snapshot().limits[0].available, left);
    }
}

fn requests_and_tokens(max_wait: Duration) -> RateLimitConfig {
    RateLimitConfig::paced(Limit::calls(Rate::per_minute(60)), max_wait)
        .and(Limit::new(Rate::per_minute(6_000)).named("tokens"))
}

#[tokio::test(start_paused = true)]
async fn a_call_must_fit_into_every_limit_and_takes_from_none_if_it_does_not() {
    let handle = client(requests_and_tokens(Duration::ZERO)).handle();
    let left = || {
        handle
            .snapshot()
            .limits
            .iter()
            .map(|limit| limit.available)
            .collect::<Vec<_>>()
    };
    handle.acquire(5_950).await.unwrap();
    assert_eq!(left(), [59, 50]);
    let refused = handle.acquire(100).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(500 * MS));
    assert_eq!(left(), [59, 50]);
    for _ in 0..50 {
        handle.acquire(1).await.unwrap();
    }
    assert_eq!(left(), [9, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_estimate_is_corrected_by_the_answer_or_later_by_its_meter() {
    let config = requests_and_tokens(Duration::ZERO);
    let layer = client(config).metered(
        |_: &Request<Body>| 1_000,
        |response: &Response<Body>| {
            response
                .headers()
                .get("x-tokens")?
                .to_str()
                .ok()?
                .parse()
                .ok()
        },
    );
    let handle = layer.handle();
    let tokens = || handle.snapshot().limits[1].available;
    let call = |headers| {
        let service = ServiceBuilder::new()
            .layer(layer.clone())
            .service(answering(200, headers));
        let meter = Meter::new();
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(meter.clone());
        async move {
            service.oneshot(request).await.unwrap();
            meter
        }
    };
    call(&[("x-tokens", "300")]).await;
    assert_eq!(tokens(), 5_700);
    let streamed = call(&[]).await;
    assert_eq!(tokens(), 4_700, "the estimate, until somebody knows better");
    streamed.spent(200);
    assert_eq!(tokens(), 5_500);
    streamed.spent(1_700);
    assert_eq!(tokens(), 4_000, "it may be said again, and be more");
    // More than is there is owed.
    streamed.spent(9_000);
    assert_eq!(tokens(), 0);
    let refused = handle.acquire(100).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(34 * SECOND));
    assert_eq!(handle.snapshot().limits[0].available, 58, "calls are calls");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_lets_those_who_wait_start_earlier() {
    let config = RateLimitConfig::paced(Rate::per_second(100), 60 * SECOND);
    let layer = client(config).plain().cost(|n: &u64| *n);
    let handle = layer.handle();
    let meter = Meter::new();
    let metered =
        client(handle.config()).metered(|_: &Request<Body>| 100, |_: &Response<Body>| None);
    let other = metered.handle();
    let service = ServiceBuilder::new()
        .layer(metered)
        .service(answering(200, &[]));
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(meter.clone());
    service.oneshot(request).await.unwrap();
    let start = Instant::now();
    let waiting = tokio::spawn(other.acquire(50));
    advance(100 * MS).await;
    meter.spent(20);
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), 100 * MS, "80 were given back");

    // A service that is no HTTP is counted by its requests.
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
    service.clone().oneshot(90).await.unwrap();
    assert_eq!(handle.snapshot().limits[0].available, 10);
    service.oneshot(0).await.unwrap();
    assert_eq!(
        handle.snapshot().limits[0].available,
        10,
        "what costs nothing is exempt"
    );
}

/// A provider that counts requests and tokens by the minute, and refuses what is too much.
#[tokio::test(start_paused = true)]
async fn fifty_callers_use_a_metered_api_to_the_full_and_are_never_refused() {
    let [rpm, tpm] = [600_u64, 60_000];
    let provider = RateLimitLayer::from_config(
        RateLimitConfig::new(Limit::calls(Rate::per_minute(rpm)))
            .and(Limit::new(Rate::per_minute(tpm)).named("tokens")),
    )
    .unwrap();
    let provider = provider.handle();
    let layer = client(
        RateLimitConfig::client(Limit::calls(Rate::per_minute(rpm)), 600 * SECOND)
            .and(Limit::new(Rate::per_minute(tpm)).named("tokens")),
    )
    // Three times too high.
    .metered(
        |_: &Request<Body>| 600,
        |response: &Response<Body>| response.extensions().get().copied(),
    );
    let refused = Arc::new(Mutex::new(0));
    let used = Arc::new(Mutex::new(0_u64));
    let service = ServiceBuilder::new().layer(layer).service_fn({
        let (refused, used) = (refused.clone(), used.clone());
        move |_: Request<Body>| {
            let (provider, refused, used) = (provider.clone(), refused.clone(), used.clone());
            async move {
                let mut response = Response::new(Body::empty());
                if provider.acquire(200).await.is_err() {
                    *refused.lock().unwrap() += 1;
                    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                    return Ok::<_, BoxError>(response);
                }
                tokio::time::sleep(2 * SECOND).await;
                *used.lock().unwrap() += 200;
                response.extensions_mut().insert(200_u64);
                Ok(response)
            }
        }
    });
    let minutes = 20;
    let end = Instant::now() + minutes * 60 * SECOND;
    let callers = (0..50).map(|_| {
        let service = service.clone();
        async move {
            while Instant::now() < end {
                let call = service.clone().oneshot(Request::new(Body::empty()));
                let _ = tokio::time::timeout_at(end, call).await;
            }
        }
    });
    join_all(callers).await;
    assert_eq!(*refused.lock().unwrap(), 0);
    let used = *used.lock().unwrap();
    let quota = tpm * u64::from(minutes);
    assert!(used * 100 >= quota * 95, "{used} of {quota}");
}

#[tokio::test(start_paused = true)]
async fn answers_and_refusals_tell_what_is_left_if_told_to() {
    let config = RateLimitConfig {
        headers: true,
        ..RateLimitConfig::new(Limit::calls(Rate::per_minute(60).burst(2))).and(Limit {
            unit: Some("content-bytes".into()),
            ..Limit::new(Rate::per(5, 200 * MS)).named("bytes")
        })
    };
    let service = ServiceBuilder::new()
        .layer(client(config))
        .service(answering(200, &[]));
    let call = || service.clone().oneshot(Request::new(Body::empty()));
    let response = call().await.unwrap();
    assert_eq!(
        response.headers()["ratelimit"],
        r#""calls";r=1;t=1, "bytes";r=4;t=1"#
    );
    assert_eq!(
        response.headers()["ratelimit-policy"],
        r#""calls";q=60;w=60, "bytes";q=25;qu="content-bytes";w=1"#
    );
    call().await.unwrap();
    let response = call().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(
        response.headers()["ratelimit"],
        r#""calls";r=0;t=1, "bytes";r=3;t=1"#
    );
    // What we say is what we understand.
    let hint = tower_keep::classify::retry_hint(response.headers());
    assert_eq!(hint, Some(tower_keep::classify::Hint::After(SECOND)));
    advance(60 * SECOND).await;
    let response = call().await.unwrap();
    assert_eq!(
        response.headers()["ratelimit"],
        r#""calls";r=1;t=1, "bytes";r=4;t=1"#
    );
}
