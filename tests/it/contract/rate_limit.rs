use std::time::Duration;

use tower_keep::rate_limit::{Limit, Rate, RateLimitConfig, RateLimitLayer};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

use super::CALLS;

fn layer() -> RateLimitLayer {
    RateLimitLayer::new(Rate::per_second(100_000))
}

/// Everything at once that a call can be looked at for, and every second call waits.
fn careful() -> RateLimitLayer {
    let config = RateLimitConfig::client(
        Limit::calls(Rate::every(Duration::from_millis(1))),
        Duration::from_secs(10),
    )
    .and(Rate::reservoir(100_000, Duration::from_secs(1)));
    RateLimitLayer::from_config(config).unwrap()
}

fn at_rest<P>(layer: &RateLimitLayer<P>) {
    assert_eq!(layer.handle().snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(layer, |layer: &RateLimitLayer| at_rest(layer)).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(
        || layer().plain(),
        |layer: &RateLimitLayer<_>| at_rest(layer),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn with_several_limits_and_hints() {
    let config = || {
        RateLimitConfig::client(Limit::calls(Rate::per_second(100_000)), Duration::ZERO)
            .and(Rate::reservoir(100_000, Duration::from_secs(1)))
    };
    let layer = || RateLimitLayer::from_config(config()).unwrap();
    contract::http(layer, |layer: &RateLimitLayer| at_rest(layer)).await;
    contract::plain(
        || layer().plain(),
        |layer: &RateLimitLayer<_>| at_rest(layer),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn while_calls_wait() {
    use tower_keep_test::contract::{Http, Plain, cancellation, panics, readiness};
    let layer = careful();
    readiness(Http, &layer, || at_rest(&layer)).await;
    cancellation(Http, &layer, || at_rest(&layer)).await;
    panics(Http, &layer, || at_rest(&layer)).await;
    let layer = careful().plain();
    cancellation(Plain, &layer, || at_rest(&layer)).await;
    panics(Plain, &layer, || at_rest(&layer)).await;
}

#[tokio::test]
async fn is_one_limit_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = RateLimitLayer::new(Rate::per_hour(CALLS as u64 + 1));
        let answers = async |_| http::Response::new(axum::body::Body::empty());
        axum_matrix::run_case(case, Load::OneByOne(CALLS), layer.clone(), answers).await;
        assert_eq!(layer.handle().snapshot().limits[0].available, 1, "{case}");
    }
}
