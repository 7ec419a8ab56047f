//! Limits that adapt.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use http::{Request, Response};
use tokio::{task::yield_now, time::sleep};
use tower::{Layer, ServiceExt, service_fn};
use tower_keep::{
    adaptive::{
        AdaptiveConfig, AdaptiveLayer, AimdConfig, AlgorithmConfig, GradientConfig, VegasConfig,
    },
    rejection::Kind,
};

use crate::{
    adaptive::{Ends, MS, Work, begin, busy, changes, fixed, free, in_flight, layer, load},
    support::QuoteError,
};

const S: Duration = Duration::from_secs(1);
const GOOD: Work = (Duration::from_millis(10), Ends::Well);
const LONG: Work = (Duration::from_secs(1000), Ends::Well);

/// AC1: a limit found by latency gradient or Vegas.
/// `GradientConfig` (the default), `VegasConfig` and `AimdConfig`, or any type with the one method of `Algorithm`.
#[tokio::test(start_paused = true)]
async fn ac1() {
    for algorithm in [
        AlgorithmConfig::Gradient(GradientConfig::default()),
        AlgorithmConfig::Vegas(VegasConfig::default()),
        AlgorithmConfig::Aimd(AimdConfig {
            slow: Some(40 * MS),
            ..AimdConfig::default()
        }),
    ] {
        let (layer, handle) = layer(AdaptiveConfig {
            algorithm: algorithm.clone(),
            initial_limit: 40,
            ..AdaptiveConfig::server()
        });
        // Ten workers: ten calls at once are enough, and with more they only wait.
        let service = busy(layer, 10);
        load(&service, 5, GOOD, 3 * S).await;
        load(&service, 60, GOOD, 10 * S).await;
        let now = handle.snapshot();
        assert!((6..=40).contains(&now.limit), "{algorithm:?}: {now:?}");
    }
}

/// AC2: the baseline is measured again, or decays.
/// A moving average over windows: one odd call is no window, one odd window is forgotten, and a service that has become slower is believed.
#[tokio::test(start_paused = true)]
async fn ac2() {
    let (layer, handle) = layer(AdaptiveConfig::server());
    let service = free(layer);
    load(&service, 20, GOOD, 3 * S).await;
    service
        .clone()
        .oneshot((Duration::ZERO, Ends::Well))
        .await
        .unwrap();
    load(&service, 20, GOOD, 3 * S).await;
    let now = handle.snapshot();
    assert!(
        now.limit >= 20 && now.baseline.unwrap() >= 9 * MS,
        "{now:?}"
    );

    for _ in 0..1000 {
        service
            .clone()
            .oneshot((Duration::ZERO, Ends::Well))
            .await
            .unwrap();
    }
    load(&service, 20, GOOD, 5 * S).await;
    let now = handle.snapshot();
    assert!(
        now.limit >= 20 && now.baseline.unwrap() >= 9 * MS,
        "{now:?}"
    );

    load(&service, 20, (40 * MS, Ends::Well), 30 * S).await;
    let now = handle.snapshot();
    assert!(
        now.limit >= 20 && now.baseline.unwrap() >= 30 * MS,
        "{now:?}"
    );
}

/// AC3: no growth while the limit is not what limits.
/// It grows only after a window in which all places were taken.
#[tokio::test(start_paused = true)]
async fn ac3() {
    let (layer, handle) = layer(AdaptiveConfig::server());
    let service = free(layer);
    for callers in [1, 19] {
        load(&service, callers, GOOD, 10 * S).await;
        let now = handle.snapshot();
        assert_eq!((now.limit, now.reason), (20, "limit not reached"));
    }
    load(&service, 40, GOOD, S).await;
    assert!(handle.snapshot().limit > 30);
}

/// AC4: sampled in windows, by quantile.
/// A window has a shortest and a longest time and a fewest calls; the 0.9 quantile of a histogram of fixed size stands for it.
#[tokio::test(start_paused = true)]
async fn ac4() {
    let (layer, handle) = layer(AdaptiveConfig::server());
    let service = free(layer);
    // Every twentieth call takes a hundred times as long.
    let mixed = async {
        for n in 0..400 {
            let takes = if n % 20 == 0 { 1000 * MS } else { 10 * MS };
            drop(tokio::spawn(service.clone().oneshot((takes, Ends::Well))));
            sleep(5 * MS).await;
        }
    };
    mixed.await;
    let now = handle.snapshot();
    let window = now.window.unwrap();
    assert!(now.windows <= 20 && window.calls >= 20, "{window:?}");
    assert!(
        window.length >= 100 * MS && window.latency < 13 * MS,
        "{window:?}"
    );
    assert_eq!(now.limit, 20);
}

/// AC5: one decrease per window; a burst of errors is one signal.
/// One step at the end of a window, and what began before the last decrease is not counted again.
#[tokio::test(start_paused = true)]
async fn ac5() {
    let (layer, _) = layer(AdaptiveConfig {
        initial_limit: 100,
        ..AdaptiveConfig::server()
    });
    let (layer, changes) = changes(layer);
    let service = free(layer);
    // A hundred calls in flight, which fail over a second: ten windows' time.
    let late = |n: u32| (200 * MS + n * 10 * MS, Ends::Busy);
    join_all((1..=100).map(|n| service.clone().oneshot(late(n)))).await;
    assert_eq!(
        *changes.lock().unwrap(),
        ["limit 100 -> 90 (calls dropped)"]
    );
}

/// AC6: throughput and latency against the calls in flight, to see an overload that the baseline has got used to.
/// Where more in flight has brought later answers and no more of them, the limit comes down and the baseline does not rise.
#[tokio::test(start_paused = true)]
async fn ac6() {
    let (layer, handle) = layer(AdaptiveConfig {
        initial_limit: 100,
        ..AdaptiveConfig::server()
    });
    let (layer, changes) = changes(layer);
    // From the first call on there are ten times as many as it can work on: no baseline is right.
    let service = busy(layer, 10);
    load(&service, 150, GOOD, 20 * S).await;
    let now = handle.snapshot();
    assert!(now.limit <= 40, "{now:?}");
    let changes = changes.lock().unwrap();
    let seen = |change: &String| change.ends_with("(more calls bring no more answers)");
    assert!(changes.iter().any(seen), "{changes:?}");
}

/// AC7: rejects, or queues with gradual rejection.
/// At once by default; with a queue, all up to one length of it, none from another, and by chance in between.
#[tokio::test(start_paused = true)]
async fn ac7() {
    let (at_once, _) = layer(fixed(1));
    let service = free(at_once);
    let _running = begin(&service, LONG).await;
    let refused = service.clone().oneshot(LONG).now_or_never().unwrap();
    let Err(QuoteError::Rejected(rejection)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(*rejection.kind(), Kind::ConcurrencyLimited { limit: 1 });

    let (queued, handle) = layer(AdaptiveConfig {
        queue_from: 1.0,
        queue_to: 3.0,
        ..fixed(100)
    });
    let service = free(queued);
    let mut calls = Vec::new();
    let mut refused_at = Vec::new();
    for _ in 0..2000 {
        let waiting = handle.snapshot().waiting;
        let mut call = Box::pin(service.clone().oneshot(LONG));
        match (&mut call).now_or_never() {
            Some(_) => refused_at.push(waiting),
            None => calls.push(call),
        }
    }
    let refused = |lengths: std::ops::Range<usize>| {
        refused_at.iter().filter(|at| lengths.contains(at)).count()
    };
    assert_eq!(refused(0..101), 0, "the first hundred wait for sure");
    let [low, high] = [refused(101..200), refused(200..300)];
    assert!(0 < low && low < high, "more and more: {low}, {high}");
    assert_eq!(refused(301..2000), 0, "no more than 300 ever wait");
}

/// AC8: three outcomes: success, ignored, dropped.
/// Success is a sample, overload and deadlines are drops, refusals further in and quick failures are nothing; a body that breaks off and gRPC trailers count.
#[tokio::test(start_paused = true)]
async fn ac8() {
    for (call, limit, counted) in [
        (GOOD, 20, true),
        ((10 * MS, Ends::Busy), 18, true),
        ((5 * MS, Ends::Badly), 20, false),
    ] {
        let (layer, handle) = layer(AdaptiveConfig {
            max_limit: 20,
            ..AdaptiveConfig::server()
        });
        let service = free(layer);
        load(&service, 2, GOOD, S).await;
        let before = handle.snapshot().windows;
        while handle.snapshot().windows == before && counted {
            load(&service, 20, call, 5 * MS).await;
        }
        load(&service, if counted { 0 } else { 20 }, call, S).await;
        let now = handle.snapshot();
        assert_eq!(
            (now.limit, now.windows > before),
            (limit, counted),
            "{call:?}"
        );
    }
    // Overload that is said in the trailers.
    let (layer, handle) = layer(AdaptiveConfig {
        min_samples: 5,
        window: MS,
        max_limit: 20,
        ..AdaptiveConfig::server()
    });
    let service = layer.grpc().layer(service_fn(|_: Request<()>| async {
        sleep(10 * MS).await;
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("8"));
        let frame = http_body::Frame::<bytes::Bytes>::trailers(trailers);
        let frames = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(frame)]);
        Ok::<_, std::convert::Infallible>(Response::new(http_body_util::StreamBody::new(frames)))
    }));
    for _ in 0..10 {
        let response = service.clone().oneshot(Request::new(())).await.unwrap();
        let _ = http_body_util::BodyExt::collect(response.into_body()).await;
    }
    assert_eq!(handle.snapshot().reason, "calls dropped");
}

/// AC9: one limit however often `layer()` is called.
/// Places, measurements and limit are in the layer value; clones and all services share them.
#[tokio::test(start_paused = true)]
async fn ac9() {
    let (layer, handle) = layer(fixed(2));
    let services: Vec<_> = (0..10).map(|_| free(layer.clone())).collect();
    let mut calls = Vec::new();
    for service in &services {
        calls.push(begin(service, (MS, Ends::Well)).await);
    }
    assert_eq!(in_flight(&handle), 2);
    let mut admitted = 0;
    for call in calls {
        admitted += usize::from(call.await.unwrap().is_ok());
    }
    assert_eq!(admitted, 2);
}

/// AC16: partitions of the limit.
/// Named shares in percent, chosen by the request's head; unused places are anybody's, and whoever comes back to his share has it at once.
#[tokio::test(start_paused = true)]
async fn ac16() {
    let config = AdaptiveConfig {
        partitions: [("checkout".to_owned(), 50), ("search".to_owned(), 20)].into(),
        queue_from: 10.0,
        queue_to: 10.0,
        ..fixed(10)
    };
    let layer = AdaptiveLayer::from_config(config)
        .unwrap()
        .partition_by(|head| head.uri.path().split('/').nth(1));
    let handle = layer.handle();
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        sleep(50 * MS).await;
        Ok::<_, std::convert::Infallible>(Response::new(request.uri().path().to_owned()))
    }));
    let call = |path: &str| {
        let request = Request::get(path).body(()).unwrap();
        tokio::spawn(service.clone().oneshot(request))
    };
    let mut others: Vec<_> = (0..20).map(|_| call("/other")).collect();
    yield_now().await;
    let now = handle.snapshot();
    assert_eq!(
        (now.in_flight, now.waiting),
        (10, 10),
        "all that nobody else uses"
    );

    let mut own: Vec<_> = (0..5).map(|_| call("/checkout/1")).collect();
    own.extend((0..2).map(|_| call("/search")));
    yield_now().await;
    let now = handle.snapshot();
    assert_eq!(
        now.in_flight, 17,
        "its share is there, whoever has the places"
    );
    let beyond = call("/search/again");
    yield_now().await;
    let shares: Vec<_> = handle
        .snapshot()
        .partitions
        .iter()
        .map(|one| (one.name.clone(), one.share, one.in_flight, one.waiting))
        .collect();
    assert_eq!(
        shares,
        [
            ("checkout".to_owned(), 5, 5, 0),
            ("search".to_owned(), 2, 2, 1)
        ]
    );
    for call in own.drain(..).chain(others.drain(..10)) {
        call.await.unwrap().unwrap();
    }
    beyond.await.unwrap().unwrap();
    for call in others {
        call.await.unwrap().unwrap();
    }
    let now = handle.snapshot();
    assert_eq!((now.in_flight, now.waiting), (0, 0));
    assert!(
        now.partitions
            .iter()
            .all(|one| (one.in_flight, one.waiting) == (0, 0))
    );
}

/// AC17: a floor that cannot be 0.
/// `min_limit` 0 is a `ConfigError`; the default is 4, and with 1 a call still goes through after any number of drops.
#[tokio::test(start_paused = true)]
async fn ac17() {
    let none = AdaptiveConfig {
        min_limit: 0,
        ..AdaptiveConfig::server()
    };
    let error = AdaptiveLayer::from_config(none).unwrap_err();
    assert_eq!(
        error.to_string(),
        "adaptive: `min_limit` is 0: give at least 1"
    );

    let (layer, handle) = layer(AdaptiveConfig {
        min_limit: 1,
        ..AdaptiveConfig::server()
    });
    let service = free(layer);
    load(&service, 20, (10 * MS, Ends::Busy), 30 * S).await;
    assert_eq!(handle.snapshot().limit, 1);
    load(&service, 20, GOOD, 30 * S).await;
    assert!(handle.snapshot().limit >= 20, "and it comes back");
}

/// AC19: explainable: the reason of every change.
/// A `LimitChanged` event with from, to and reason for each change, and a snapshot with every number of the last decision.
#[tokio::test(start_paused = true)]
async fn ac19() {
    let (layer, handle) = layer(AdaptiveConfig::server());
    let (layer, changes) = changes(layer);
    let service = busy(layer, 10);
    load(&service, 5, GOOD, S).await;
    load(&service, 60, GOOD, 10 * S).await;
    let changes = std::mem::take(&mut *changes.lock().unwrap());
    let mut limit = "20";
    for change in &changes {
        let words: Vec<_> = change.split(' ').collect();
        assert_eq!(words[..3], ["limit", limit, "->"], "no change is left out");
        limit = words[3];
    }
    let now = handle.snapshot();
    assert_eq!(limit, now.limit.to_string());
    let grown = |change: &String| change.ends_with("(all places taken and answers in time)");
    assert!(changes.iter().any(grown), "{changes:?}");

    let said = serde_json::to_value(&now).unwrap();
    let terms = "limit exact_limit reason baseline queue windows";
    for term in terms.split(' ') {
        assert!(!said[term].is_null(), "{term}");
    }
    let terms = "length calls latency drops peak in_flight throughput gradient throughput_gain \
                 latency_correlation was_limited is_saturated";
    for term in terms.split(' ') {
        assert!(!said["window"][term].is_null(), "{term}: {said}");
    }
}
