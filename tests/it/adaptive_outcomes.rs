//! What the end of a call says about the limit.

use std::convert::Infallible;

use axum::body::Body;
use futures_util::future::join_all;
use http::Request;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    adaptive::{AdaptiveConfig, AdaptiveLayer, Failures},
    classify::Verdict,
    timeout::TimeoutLayer,
};

use crate::adaptive::{Ends, LONG, MS, free, layer, load};

#[tokio::test(start_paused = true)]
async fn a_service_too_slow_for_its_callers_is_seen_though_no_call_ends() {
    let (layer, handle) = layer(AdaptiveConfig::server());
    let service = free(layer);
    load(&service, 20, (10 * MS, Ends::Well), 5000 * MS).await;
    let before = handle.snapshot().limit;
    let impatient = (0..40).map(|_| async {
        for _ in 0..40 {
            let _ = timeout(50 * MS, service.clone().oneshot(LONG)).await;
            sleep(MS).await;
        }
    });
    join_all(impatient).await;
    let now = handle.snapshot();
    assert!(now.limit < before / 2, "{before} -> {now:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_outside_is_a_drop_and_the_callers_own_mind_is_not() {
    let config = || AdaptiveConfig {
        min_samples: 5,
        window: MS,
        ..AdaptiveConfig::server()
    };
    let call = |layer: AdaptiveLayer| async move {
        let service = ServiceBuilder::new()
            .layer(TimeoutLayer::new(10 * MS))
            .layer(layer)
            .service_fn(|_: Request<()>| {
                std::future::pending::<Result<http::Response<Body>, Infallible>>()
            });
        join_all((0..20).map(|_| service.clone().oneshot(Request::new(())))).await
    };
    let (layer_, handle) = layer(config());
    call(layer_).await;
    let now = handle.snapshot();
    assert_eq!((now.reason, now.limit), ("calls dropped", 18));

    let (layer_, handle) = layer(config());
    let service = free(layer_);
    let calls = (0..20).map(|_| timeout(10 * MS, service.clone().oneshot(LONG)));
    join_all(calls).await;
    assert_eq!(handle.snapshot().windows, 0, "nothing is known of it");
}

#[tokio::test(start_paused = true)]
async fn failures_count_as_told() {
    for (failures, takes, counts) in [
        (Failures::Ignore, 100, false),
        (Failures::Slow, 100, true),
        (Failures::Slow, 1, false),
        (Failures::Drop, 1, true),
    ] {
        let (layer, handle) = layer(AdaptiveConfig {
            failures,
            ..AdaptiveConfig::server()
        });
        let service = free(layer);
        load(&service, 10, (10 * MS, Ends::Well), 1000 * MS).await;
        let before = handle.snapshot();
        load(&service, 10, (takes * MS, Ends::Badly), 1000 * MS).await;
        let now = handle.snapshot();
        let dropped = now.windows > before.windows && now.reason == "calls dropped";
        assert_eq!(dropped, counts, "{failures:?} after {takes} ms: {now:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rules_of_your_own_say_what_a_drop_is() {
    let (layer, handle) = layer(AdaptiveConfig {
        min_samples: 5,
        window: MS,
        ..AdaptiveConfig::server()
    });
    let layer = layer.classify(|head| (head.status == 418).then(Verdict::overload));
    let service = layer.layer(service_fn(|_: Request<()>| async {
        sleep(MS).await;
        let response = http::Response::builder().status(418).body(Body::empty());
        Ok::<_, Infallible>(response.unwrap())
    }));
    for _ in 0..5 {
        service.clone().oneshot(Request::new(())).await.unwrap();
    }
    assert_eq!(handle.snapshot().reason, "calls dropped");
}
