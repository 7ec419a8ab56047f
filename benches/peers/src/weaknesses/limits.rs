//! How many at once, found out or told, and how many in a time.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures_util::future::join_all;
use tokio::{
    task::{JoinHandle, JoinSet, yield_now},
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_keep::{
    adaptive::{AdaptiveConfig, AdaptiveLayer, AimdConfig, AlgorithmConfig, VegasConfig},
    bulkhead::BulkheadLayer,
    rate_limit::{Rate, RateLimitConfig, RateLimitLayer},
};
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd, ConcurrencyAlgorithm, Vegas};
use tower_resilience_bulkhead::BulkheadLayer as TheirBulkhead;
use tower_resilience_ratelimiter::RateLimiterLayer as TheirRate;

use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Failure, Guarded, backend, let_in, ms, refuses, work},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w11_limit_a_layer::case(),
        w12_vegas_baseline::case(),
        w13_grows_unlimited::case(),
        w13_collapses::case(),
        w13_limit_of_none::case(),
        w20_told_at_once::case(),
        w24_queue::case(),
        w26_idle_clones::case(),
        w26_order::case(),
    ]
}

fn adaptive(config: AdaptiveConfig) -> AdaptiveLayer {
    AdaptiveLayer::from_config(config).expect("it is a valid configuration")
}

/// Four calls on each of ten services, and how many are at the service behind.
async fn ten_services<S: Guarded>(layer: impl Fn(Counted) -> S) -> Outcome {
    let entered = Arc::new(AtomicUsize::new(0));
    let seen = entered.clone();
    let service = Counted::new(service_fn(move |call| {
        seen.fetch_add(1, Relaxed);
        work(call)
    }));
    let mut running = JoinSet::new();
    for _ in 0..10 {
        let service = layer(service.clone());
        for _ in 0..4 {
            running.spawn(service.clone().oneshot(Call::Hang));
        }
    }
    sleep(ms(1)).await;
    let at_once = entered.load(Relaxed);
    Outcome::new(at_once == 2, format!("{at_once} at once"))
}

type Counted = BoxCloneSyncService<Call, (), Failure>;

async fn theirs_a_layer() -> Outcome {
    let aimd = Aimd::builder()
        .initial_limit(2)
        .max_limit(2)
        .build()
        .expect("valid");
    let layer = AdaptiveLimiterLayer::new(aimd);
    ten_services(|service| layer.layer(service)).await
}

async fn ours_a_layer() -> Outcome {
    let layer = adaptive(AdaptiveConfig {
        initial_limit: 2,
        min_limit: 2,
        max_limit: 2,
        ..AdaptiveConfig::server()
    });
    ten_services(|service| layer.clone().plain().layer(service)).await
}

situation! {
    w11_limit_a_layer: "W11", "a limit of 2 that adapts, one layer around ten services";
    peer "tower-resilience-adaptive" => paused (theirs_a_layer);
    ours => paused (ours_a_layer);
}

async fn their_vegas() -> Outcome {
    let vegas = Vegas::builder().build().expect("valid");
    vegas.record_success(ms(1) / 10);
    for _ in 0..10_000 {
        vegas.record_success_with_load(ms(10), 5);
    }
    let limit = vegas.limit();
    Outcome::new(limit >= 5, format!("a limit of {limit}"))
}

async fn our_vegas() -> Outcome {
    let layer = adaptive(AdaptiveConfig {
        algorithm: AlgorithmConfig::Vegas(VegasConfig::default()),
        ..AdaptiveConfig::server()
    });
    let handle = layer.handle();
    let service = layer.plain().layer(backend());
    refuses(&service, Call::Good).await;
    let end = Instant::now() + ms(20_000);
    join_all((0..5).map(async |_| {
        while Instant::now() < end {
            refuses(&service, Call::Slow(ms(10))).await;
        }
    }))
    .await;
    let limit = handle.snapshot().limit;
    Outcome::new(limit >= 5, format!("a limit of {limit}"))
}

situation! {
    w12_vegas_baseline: "W12", "Vegas; one call of 0.1 ms, then five at once of 10 ms, no queue";
    peer "tower-resilience-adaptive" => paused (their_vegas);
    ours => paused (our_vegas);
}

async fn their_growth() -> Outcome {
    let aimd = Aimd::builder()
        .initial_limit(10)
        .max_limit(1000)
        .build()
        .expect("valid");
    let service = AdaptiveLimiterLayer::new(aimd).layer(backend());
    let_in(&service, 5_000, Call::Good).await;
    let limit = service.limit();
    Outcome::new(limit <= 20, format!("from 10 to {limit}"))
}

async fn our_growth() -> Outcome {
    let layer = aimd(10);
    let handle = layer.handle();
    let service = layer.plain().layer(backend());
    let_in(&service, 5_000, Call::Slow(ms(1))).await;
    let limit = handle.snapshot().limit;
    Outcome::new(limit <= 20, format!("from 10 to {limit}"))
}

fn aimd(initial_limit: usize) -> AdaptiveLayer {
    adaptive(AdaptiveConfig {
        algorithm: AlgorithmConfig::Aimd(AimdConfig::default()),
        initial_limit,
        ..AdaptiveConfig::server()
    })
}

situation! {
    w13_grows_unlimited: "W13", "AIMD; 5 000 calls, never two at once";
    peer "tower-resilience-adaptive" => paused (their_growth);
    ours => paused (our_growth);
}

/// A hundred at once, seven of them fail; the least that the limit was.
async fn burst(service: impl Guarded, limit: impl Fn() -> usize) -> Outcome {
    let calls = (0..100).map(|nth| {
        if nth < 7 {
            Call::SlowBad(ms(100))
        } else {
            Call::Slow(ms(200))
        }
    });
    let all = join_all(calls.map(|call| refuses(&service, call)));
    let look = async {
        sleep(ms(150)).await;
        limit()
    };
    let (meanwhile, _) = tokio::join!(look, all);
    let least = meanwhile.min(limit());
    Outcome::new(least >= 50, format!("from 100 to {least}"))
}

async fn their_burst() -> Outcome {
    let aimd = Aimd::builder()
        .initial_limit(100)
        .max_limit(100)
        .build()
        .expect("valid");
    let service = AdaptiveLimiterLayer::new(aimd).layer(backend());
    let asked = service.clone();
    burst(service, || asked.limit()).await
}

async fn our_burst() -> Outcome {
    let layer = aimd(100);
    let handle = layer.handle();
    burst(layer.plain().layer(backend()), || handle.snapshot().limit).await
}

situation! {
    w13_collapses: "W13b", "AIMD at 100, all in use; seven of them fail";
    peer "tower-resilience-adaptive" => paused (their_burst);
    ours => paused (our_burst);
}

fn accepted(accepted: bool) -> Outcome {
    Outcome::new(!accepted, if accepted { "accepted" } else { "refused" })
}

async fn their_zero() -> Outcome {
    accepted(Aimd::builder().min_limit(0).build().is_ok())
}

async fn our_zero() -> Outcome {
    let config = AdaptiveConfig {
        min_limit: 0,
        ..AdaptiveConfig::server()
    };
    accepted(AdaptiveLayer::from_config(config).is_ok())
}

situation! {
    w13_limit_of_none: "W13c", "a configuration with a least limit of 0, closed for good";
    peer "tower-resilience-adaptive" => paused (their_zero);
    ours => paused (our_zero);
}

async fn told(service: impl Guarded) -> Outcome {
    refuses(&service, Call::Good).await;
    let start = Instant::now();
    let refused = refuses(&service, Call::Good).await;
    let waited = start.elapsed();
    Outcome::new(
        refused && waited < ms(10),
        format!("refused: {refused}, after {waited:?}"),
    )
}

fn their_rate(calls: usize, period: u64) -> tower_resilience_ratelimiter::RateLimiterConfigBuilder {
    TheirRate::builder()
        .limit_for_period(calls)
        .refresh_period(ms(period))
}

situation! {
    w20_told_at_once: "W20", "a place in ten minutes, a wait of at most 5 s (\"rejected immediately\")";
    peer "tower-resilience-ratelimiter" => paused (|| told(
        their_rate(1, 600_000).timeout_duration(ms(5_000)).build().expect("valid").layer(backend())
    ));
    ours => paused (|| told({
        let config = RateLimitConfig::paced(Rate::every(ms(600_000)), ms(5_000));
        RateLimitLayer::from_config(config).expect("valid").plain().layer(backend())
    }));
}

async fn queue(service: impl Guarded) -> Outcome {
    let calls = (0..10_000).map(|_| tokio::spawn(service.clone().oneshot(Call::Hang)));
    let calls: Vec<_> = calls.collect();
    sleep(ms(3_600_000)).await;
    let waiting = calls.iter().filter(|call| !call.is_finished()).count() - 1;
    calls.iter().for_each(JoinHandle::abort);
    Outcome::new(waiting == 0, format!("{waiting} wait after an hour"))
}

situation! {
    w24_queue: "W24", "bulkhead of 1 with its defaults; 10 000 calls, and the first hangs";
    peer "tower-resilience-bulkhead" => paused (|| queue(
        TheirBulkhead::builder().max_concurrent_calls(1).build().expect("valid").layer(backend())
    ));
    peer "tower" => paused (|| queue(
        tower::limit::GlobalConcurrencyLimitLayer::new(1).layer(backend())
    ));
    ours => paused (|| queue(BulkheadLayer::new(1).plain().layer(backend())));
}

async fn idle_clones(service: impl Guarded) -> Outcome {
    for _ in 0..5 {
        let mut idle = service.clone();
        poll_fn(|cx| idle.poll_ready(cx))
            .await
            .expect("a place is there");
    }
    let answer = timeout(ms(1000), service.oneshot(Call::Good)).await;
    let served = matches!(answer, Ok(Ok(())));
    let saw = if served { "served" } else { "no place left" };
    Outcome::new(
        served,
        format!("{saw} after five clones that were ready and dropped"),
    )
}

situation! {
    w26_idle_clones: "W26", "five calls in ten minutes; five clones are polled ready and dropped";
    peer "tower-resilience-ratelimiter" => paused (|| idle_clones(
        their_rate(5, 600_000).backpressure().build().expect("valid").layer(backend())
    ));
    ours => paused (|| idle_clones(
        RateLimitLayer::new(Rate::every(ms(120_000)).burst(5)).plain().layer(backend())
    ));
}

async fn order(service: impl Guarded) -> Outcome {
    let served = Mutex::new(Vec::new());
    join_all((0..8).map(async |nth| {
        // They come one after another.
        sleep(ms(nth)).await;
        if !refuses(&service, Call::Good).await {
            served.lock().expect("nothing panics").push(nth);
        }
        yield_now().await;
    }))
    .await;
    let served = served.into_inner().expect("nothing panics");
    let in_order = served.len() == 8 && served.is_sorted();
    Outcome::new(in_order, format!("served: {served:?}"))
}

situation! {
    w26_order: "W26b", "one call in 100 ms; eight come one after another and wait";
    peer "tower-resilience-ratelimiter" => paused (|| order(
        their_rate(1, 100).timeout_duration(ms(850)).build().expect("valid").layer(backend())
    ));
    ours => paused (|| order({
        let config = RateLimitConfig::paced(Rate::every(ms(100)), ms(850));
        RateLimitLayer::from_config(config).expect("valid").plain().layer(backend())
    }));
}
