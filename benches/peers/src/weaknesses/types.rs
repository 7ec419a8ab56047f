//! What the types allow, say and cost.

use std::{convert::Infallible, error::Error, hint::black_box, io};

use axum::{
    Router,
    body::Body,
    routing::{Route, get},
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use tokio::task::unconstrained;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    cache::CacheLayer,
    circuit_breaker::CircuitBreakerLayer,
    classify::Verdict,
    coalesce::CoalesceLayer,
    fallback::{Causes, FallbackLayer},
    hedge::HedgeLayer,
    rate_limit::{Rate, RateLimitLayer},
    retry::RetryLayer,
    timeout::TimeoutLayer,
};
use tower_resilience_bulkhead::BulkheadLayer as TheirBulkhead;
use tower_resilience_cache::CacheLayer as TheirCache;
use tower_resilience_circuitbreaker::CircuitBreakerLayer as TheirBreaker;
use tower_resilience_coalesce::CoalesceLayer as TheirCoalesce;
use tower_resilience_core::ResilienceError;
use tower_resilience_fallback::FallbackLayer as TheirFallback;
use tower_resilience_hedge::HedgeLayer as TheirHedge;
use tower_resilience_ratelimiter::RateLimiterLayer as TheirRate;
use tower_resilience_retry::RetryLayer as TheirRetry;
use tower_resilience_timelimiter::TimeLimiterLayer as TheirTimeout;

use super::breaker::trip;
use crate::{
    case::{Case, Outcome, situation},
    facts::{clones, implements},
    support::{Call, Failure, Guarded, backend, ms, request},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w14_router::case(),
        w15_classifier::case(),
        w22_refusals_say::case(),
        w23_source::case(),
        w28_response_bounds::case(),
        w28_bad_answer::case(),
        w36_allocations::case(),
    ]
}

const SHELF: Bytes = Bytes::from_static(b"from the shelf");

type Ask = Request<Body>;
type Answer = Response<Body>;

/// What `Router::layer` makes of a layer has to be a service of its requests.
macro_rules! on_a_router {
    ($($layer:ty),+) => {
        [$(implements!($layer: Layer<Route, Service: Service<Ask>>)),+]
    };
}

async fn their_layers() -> Outcome {
    let fit = on_a_router![
        TheirRetry<Ask, Answer, Infallible>,
        TheirHedge,
        TheirFallback<Ask, Answer, Infallible>,
        TheirCache<Ask, String>,
        TheirCoalesce<String, Ask, fn(&Ask) -> String>
    ];
    let fit = fit.into_iter().filter(|fits| *fits).count();
    Outcome::new(fit == 5, format!("{fit} of 5 are services there"))
}

async fn our_layers() -> Outcome {
    let app = || Router::new().route("/", get(async || "fine"));
    let apps = [
        app().layer(RetryLayer::default().same_body(Body::new)),
        app().layer(HedgeLayer::default().same_body(Body::new)),
        app().layer(FallbackLayer::new().when(Causes::ANY, |_| Response::new(SHELF))),
        app().layer(CacheLayer::new()),
        app().layer(CoalesceLayer::new()),
    ];
    let mut fit = 0;
    for app in apps {
        let answer = app.oneshot(request()).await;
        fit += usize::from(answer.is_ok_and(|answer| answer.status() == StatusCode::OK));
    }
    Outcome::new(fit == 5, format!("{fit} of 5 answer there"))
}

situation! {
    w14_router: "W14", "retry, hedge, fallback, cache and coalesce on an axum router";
    peer "tower-resilience-retry" => paused (their_layers);
    ours => paused (our_layers);
}

async fn their_classifier() -> Outcome {
    let config = TheirBreaker::builder()
        .classify_response(|answer: &Answer| answer.status().is_server_error());
    let clones = clones!(config.build().expect("valid"));
    Outcome::new(
        clones,
        if clones {
            "is Clone"
        } else {
            "is not Clone, so no router takes it"
        },
    )
}

async fn our_classifier() -> Outcome {
    let layer = CircuitBreakerLayer::new().classify(|_: &_| Some(Verdict::failure()));
    let (handle, is_clone) = (layer.handle(), clones!(layer));
    let app = Router::new().route("/", get(async || "fine")).layer(layer);
    for _ in 0..20 {
        app.clone().oneshot(request()).await.ok();
    }
    let state = handle.snapshot().state.as_str();
    Outcome::new(
        is_clone && state == "open",
        format!("on a router, and {state}"),
    )
}

situation! {
    w15_classifier: "W15", "a breaker that judges answers by a closure, on an axum router";
    peer "tower-resilience-circuitbreaker" => paused (their_classifier);
    ours => paused (our_classifier);
}

async fn their_refusal() -> Outcome {
    let layer = TheirBreaker::builder()
        .name("payments")
        .sliding_window_size(5);
    let service = layer.build().expect("valid").layer(backend());
    trip(&service).await;
    let error = service.oneshot(Call::Good).await.expect_err("it is open");
    let error = ResilienceError::<Failure>::from(error);
    let named = matches!(&error, ResilienceError::CircuitOpen { name: Some(_) });
    Outcome::new(named, format!("{error:?}"))
}

async fn our_refusal() -> Outcome {
    let service = CircuitBreakerLayer::new()
        .named("payments")
        .plain()
        .layer(backend());
    trip(&service).await;
    let error = service.oneshot(Call::Good).await.expect_err("it is open");
    let Failure::Refused(rejection) = error else {
        return Outcome::new(false, "no rejection");
    };
    let (name, after) = (rejection.name(), rejection.retry_after());
    Outcome::new(
        name == "payments" && after.is_some(),
        format!(
            "{} by {name:?}, again after {after:.1?}",
            rejection.kind().as_str()
        ),
    )
}

situation! {
    w22_refusals_say: "W22", "an open breaker called payments: what the refusal says";
    peer "tower-resilience-circuitbreaker" => paused (their_refusal);
    ours => paused (our_refusal);
}

/// Whether what the service said is found by walking the sources.
fn in_chain(error: &(dyn Error + 'static)) -> Outcome {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<io::Error>() {
            return Outcome::new(true, "found");
        }
        next = error.source();
    }
    Outcome::new(false, "lost")
}

async fn refused(_: Call) -> Result<(), io::Error> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

async fn their_chain() -> Outcome {
    let breaker = TheirBreaker::builder()
        .build()
        .expect("valid")
        .layer(service_fn(refused));
    let service = TheirBulkhead::builder()
        .build()
        .expect("valid")
        .layer(breaker);
    let error = service.oneshot(Call::Good).await.expect_err("it fails");
    in_chain(&error)
}

async fn our_chain() -> Outcome {
    let service = service_fn(async |call| refused(call).await.map_err(BoxError::from));
    let breaker = CircuitBreakerLayer::new().plain().layer(service);
    let service = BulkheadLayer::new(1).plain().layer(breaker);
    let error = service.oneshot(Call::Good).await.expect_err("it fails");
    in_chain(&*error)
}

situation! {
    w23_source: "W23", "an `io::Error` through bulkhead and breaker, among the sources of what comes out";
    peer "tower-resilience-circuitbreaker" => paused (their_chain);
    ours => paused (our_chain);
}

async fn their_bounds() -> Outcome {
    let fits = implements!(
        TheirFallback<Ask, Answer, Infallible>: Layer<Route, Service: Service<Ask>>
    );
    Outcome::new(
        fits,
        if fits {
            "a service"
        } else {
            "no service: it wants `Res: Clone + Sync`"
        },
    )
}

async fn our_bounds() -> Outcome {
    let layer = FallbackLayer::new().when(Causes::ANY, |_| Response::new(SHELF));
    let app = Router::new()
        .route("/", get(async || StatusCode::BAD_GATEWAY))
        .layer(layer);
    let status = app
        .oneshot(request())
        .await
        .map(|answer| answer.status().as_u16());
    Outcome::new(status == Ok(200), format!("answers {status:?}"))
}

situation! {
    w28_response_bounds: "W28", "a fallback for an answer that cannot be cloned";
    peer "tower-resilience-fallback" => paused (their_bounds);
    ours => paused (our_bounds);
}

async fn their_bad_answer() -> Outcome {
    let layer = TheirFallback::<u8, u16, Failure>::builder()
        .from_error(|_| 200)
        .handle_response(|status: &u16| *status >= 500)
        .build();
    let service = layer.layer(service_fn(async |_: u8| Ok::<_, Failure>(503)));
    let status = service.oneshot(1).await;
    Outcome::new(matches!(status, Ok(200)), format!("{status:?}"))
}

async fn our_bad_answer() -> Outcome {
    let layer = FallbackLayer::new().plain::<u16, Failure>();
    let layer = layer.when(Causes::ANY, |_, _| Ok(200));
    let service = layer.layer(service_fn(async |_: u8| Err::<u16, _>(Failure::Down)));
    let status = service.oneshot(1).await;
    Outcome::new(matches!(status, Ok(200)), format!("{status:?}"))
}

situation! {
    w28_bad_answer: "W28b", "an answer of 503 is to be replaced by a function of the error";
    peer "tower-resilience-fallback" => paused (their_bad_answer);
    ours => paused (our_bad_answer);
}

/// Allocations of the hundredth call.
fn allocations(service: impl Guarded) -> u64 {
    let mut service = service;
    let mut call = || {
        let ready = std::future::poll_fn(|cx| service.poll_ready(cx)).now_or_never();
        assert!(matches!(ready, Some(Ok(()))), "it is ready");
        let answer = unconstrained(service.call(Call::Good)).now_or_never();
        black_box(answer.is_some_and(|answer| answer.is_ok()))
    };
    for _ in 0..100 {
        call();
    }
    allocation_counter::measure(|| assert!(call(), "it answers")).count_total
}

fn total(layers: [(&str, u64); 5]) -> Outcome {
    let total: u64 = layers.iter().map(|(_, count)| count).sum();
    let saw = layers
        .map(|(name, count)| format!("{name} {count}"))
        .join(", ");
    Outcome::new(total == 0, saw)
}

async fn their_allocations() -> Outcome {
    let retry = TheirRetry::<Call, (), Failure>::builder().build();
    let rate = TheirRate::builder().limit_for_period(1_000_000).build();
    let timeout = TheirTimeout::builder().timeout_duration(ms(10_000)).build();
    total([
        (
            "breaker",
            allocations(
                TheirBreaker::builder()
                    .build()
                    .expect("valid")
                    .layer(backend()),
            ),
        ),
        (
            "bulkhead",
            allocations(
                TheirBulkhead::builder()
                    .build()
                    .expect("valid")
                    .layer(backend()),
            ),
        ),
        ("retry", allocations(retry.layer(backend()))),
        (
            "rate limit",
            allocations(rate.expect("valid").layer(backend())),
        ),
        ("timeout", allocations(timeout.layer(backend()))),
    ])
}

async fn our_allocations() -> Outcome {
    let rate = RateLimitLayer::new(Rate::per_second(1_000_000));
    total([
        (
            "breaker",
            allocations(CircuitBreakerLayer::new().plain().layer(backend())),
        ),
        (
            "bulkhead",
            allocations(BulkheadLayer::new(10).plain().layer(backend())),
        ),
        (
            "retry",
            allocations(RetryLayer::default().plain().layer(backend())),
        ),
        ("rate limit", allocations(rate.plain().layer(backend()))),
        (
            "timeout",
            allocations(TimeoutLayer::new(ms(10_000)).plain().layer(backend())),
        ),
    ])
}

situation! {
    w36_allocations: "W36", "allocations of a call that is let in (their breaker's and ours with the feature `metrics`)";
    peer "tower-resilience-circuitbreaker" => paused (their_allocations);
    ours => paused (our_allocations);
}
