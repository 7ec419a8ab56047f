//! Several callers of one answer, several servers for one call.

use std::{
    future::{poll_fn, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_keep::{
    balance::{Balance, BalanceConfig, OutlierConfig},
    coalesce::CoalesceLayer,
};
use tower_resilience_coalesce::CoalesceLayer as TheirCoalesce;
use tower_resilience_outlier::{OutlierDetectionLayer, OutlierDetector};
use tower_resilience_reconnect::{ReconnectConfig, ReconnectLayer};
use tower_resilience_router::WeightedRouter;

use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Failure, backend, ms},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w8_waiters_spin::case(),
        w9_ejected_spins::case(),
        w10_lost_wakeup::case(),
        w29_ejected_for_ever_longer::case(),
        w33_one_is_not_ready::case(),
    ]
}

/// How often it is polled while it waits.
async fn polls(waiting: impl Future, time: Duration) -> Outcome {
    let mut waiting = pin!(waiting);
    let mut polls = 0;
    let polled = poll_fn(|cx| {
        polls += 1;
        waiting.as_mut().poll(cx)
    });
    let still_waits = timeout(time, polled).await.is_err();
    let saw = if polls < 1_000 {
        polls.to_string()
    } else {
        "over 1000".into()
    };
    Outcome::new(
        still_waits && polls < 100,
        format!("polled {saw} times in {time:?}"),
    )
}

async fn waiter<S>(service: S, time: Duration) -> Outcome
where
    S: Service<Call, Future: Send + 'static> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    let leader = tokio::spawn(service.clone().oneshot(Call::Hang));
    tokio::task::yield_now().await;
    let outcome = polls(service.oneshot(Call::Hang), time).await;
    leader.abort();
    outcome
}

situation! {
    w8_waiters_spin: "W8", "a caller waits for the answer to another's call";
    peer "tower-resilience-coalesce" => real (|| waiter(
        TheirCoalesce::new(|_: &Call| 1_u8).layer(backend()),
        ms(50),
    ));
    ours => paused (|| waiter(
        CoalesceLayer::new().plain_by(|_: &Call| Some("one")).layer(backend()),
        ms(25_000),
    ));
}

async fn their_ejected() -> Outcome {
    let detector = OutlierDetector::new().max_ejection_percent(100);
    detector.register("a", 1);
    detector.record_failure("a");
    let layer = OutlierDetectionLayer::builder()
        .detector(detector)
        .instance_name("a");
    let mut service = layer.build().expect("valid").layer(backend());
    polls(poll_fn(|cx| service.poll_ready(cx)), ms(50)).await
}

/// May eject everybody, and has callers wait.
fn strict(max_wait: Duration) -> Balance {
    let config = BalanceConfig {
        panic_threshold: 0.0,
        max_wait,
        slow_start: Duration::ZERO,
        outlier: OutlierConfig {
            max_ejected: 1.0,
            jitter: 0.0,
            ..OutlierConfig::default()
        },
        ..BalanceConfig::default()
    };
    Balance::from_config(config).expect("it is a valid configuration")
}

async fn our_ejected() -> Outcome {
    let balance = strict(ms(60_000));
    let handle = balance.handle();
    let service = balance.plain().over([("a", backend())]);
    handle.eject("a");
    polls(service.oneshot(Call::Good), ms(20_000)).await
}

situation! {
    w9_ejected_spins: "W9", "a caller waits for the only server, which is ejected";
    peer "tower-resilience-outlier" => real (their_ejected);
    ours => paused (our_ejected);
}

async fn both<S>(service: S, go: impl FnOnce()) -> Outcome
where
    S: Service<Call, Future: Send + 'static> + Clone + Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    let call = || tokio::spawn(timeout(ms(10_000), service.clone().oneshot(Call::Good)));
    let calls = [call(), call()];
    sleep(ms(1)).await;
    go();
    let mut served = 0;
    for call in calls {
        served += usize::from(call.await.is_ok_and(|in_time| in_time.is_ok()));
    }
    Outcome::new(served == 2, format!("{served} of 2 went on"))
}

async fn their_connect() -> Outcome {
    let (connected, wait) = watch::channel(false);
    let factory = service_fn(move |()| {
        let mut wait = wait.clone();
        async move {
            wait.wait_for(|connected| *connected).await.ok();
            Ok::<_, Failure>(backend())
        }
    });
    let service = ReconnectLayer::new(ReconnectConfig::default()).layer(factory);
    both(service, || {
        connected.send_replace(true);
    })
    .await
}

async fn our_return() -> Outcome {
    let balance = strict(ms(60_000));
    let handle = balance.handle();
    let service = balance.plain().over([("a", backend())]);
    handle.eject("a");
    both(service, || {
        handle.take_back("a");
    })
    .await
}

situation! {
    w10_lost_wakeup: "W10", "two callers wait for the same server to come back";
    peer "tower-resilience-reconnect" => paused (their_connect);
    ours => paused (our_return);
}

fn growth(ejections: &[Duration]) -> Outcome {
    let (first, last) = (ejections[0], ejections[ejections.len() - 1]);
    let times = last.div_duration_f64(first);
    let times = if times > 10.0 {
        "over 10".into()
    } else {
        format!("{times:.0}")
    };
    let saw = format!("the last one {times} times as long as the first");
    Outcome::new(last <= 2 * first, saw)
}

async fn their_ejections() -> Outcome {
    let base = ms(4);
    let detector = OutlierDetector::new()
        .max_ejection_percent(100)
        .base_ejection_duration(base);
    detector.register("a", 1);
    let mut ejections = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        detector.record_failure("a");
        while detector.is_ejected("a") {
            sleep(ms(1)).await;
        }
        ejections.push(start.elapsed());
        for _ in 0..100 {
            detector.record_success("a");
        }
        sleep(10 * base).await;
        detector.record_success("a");
    }
    growth(&ejections)
}

async fn our_ejections() -> Outcome {
    let is_bad = Arc::new(AtomicBool::new(false));
    let bad = is_bad.clone();
    let server = service_fn(move |_: Call| {
        ready(if bad.load(Relaxed) {
            Err(Failure::Down)
        } else {
            Ok(())
        })
    });
    let balance = strict(Duration::ZERO);
    let handle = balance.handle();
    let service = balance.plain().over([("a", server)]);
    let is_out = || handle.snapshot().endpoints[0].ejected;
    let mut ejections = Vec::new();
    for _ in 0..7 {
        is_bad.store(true, Relaxed);
        while !is_out() {
            service.clone().oneshot(Call::Good).await.ok();
        }
        is_bad.store(false, Relaxed);
        let start = Instant::now();
        while service.clone().oneshot(Call::Good).await.is_err() {
            sleep(ms(100)).await;
        }
        ejections.push(start.elapsed());
        for _ in 0..300 {
            service.clone().oneshot(Call::Good).await.ok();
            sleep(ms(1_000)).await;
        }
    }
    growth(&ejections)
}

situation! {
    w29_ejected_for_ever_longer: "W29", "seven short outages, ten times the ejection time of health between them";
    peer "tower-resilience-outlier" => real (their_ejections);
    ours => paused (our_ejections);
}

/// A server that may never be ready.
#[derive(Clone)]
struct Server {
    is_ready: bool,
}

impl Service<Call> for Server {
    type Response = ();
    type Error = Failure;
    type Future = std::future::Ready<Result<(), Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.is_ready {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, _: Call) -> Self::Future {
        ready(Ok(()))
    }
}

async fn served<S>(service: S) -> Outcome
where
    S: Service<Call> + Clone,
{
    let mut served = 0;
    for _ in 0..20 {
        let answer = timeout(ms(1_000), service.clone().oneshot(Call::Good)).await;
        served += usize::from(matches!(answer, Ok(Ok(_))));
    }
    Outcome::new(served == 20, format!("{served} of 20 calls served"))
}

situation! {
    w33_one_is_not_ready: "W33", "one of two servers is never ready";
    peer "tower-resilience-router" => paused (|| served(
        WeightedRouter::builder()
            .route(Server { is_ready: true }, 1)
            .route(Server { is_ready: false }, 1)
            .build()
    ));
    ours => paused (|| served(
        Balance::new().plain().over([
            ("a", Server { is_ready: true }),
            ("b", Server { is_ready: false }),
        ])
    ));
}
