//! Where calls go when there are several endpoints, and who is taken out.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use axum::{Router, routing::get};
use futures_util::future::{join, join_all};
use http::StatusCode;
use tokio::time::{Instant, advance, sleep};
use tower::ServiceExt;
use tower_keep::{
    balance::{Balance, BalanceConfig, Measure, OutlierConfig},
    timeout::TimeoutLayer,
};
use tower_keep_test::Driven;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    balance::{Replica, call, changes, config, fleet, over, request},
    support::{client, get as request_to},
};

/// May eject everybody, for so long, and never panics.
fn strict() -> BalanceConfig {
    BalanceConfig {
        panic_threshold: 0.0,
        max_wait: Duration::ZERO,
        outlier: OutlierConfig {
            max_ejected: 1.0,
            jitter: 0.0,
            ..OutlierConfig::default()
        },
        ..config()
    }
}

/// OL1: consecutive errors eject.
/// Five failures in a row, answers and broken connections alike; one success in between starts anew.
#[tokio::test(start_paused = true)]
async fn ol1() {
    for status in [500, 0] {
        let fleet = fleet(&[status]);
        let (service, handle) = over(strict(), &fleet);
        let is_out = || handle.snapshot().endpoints[0].ejected;
        for status in [
            status, status, status, status, 200, status, status, status, status,
        ] {
            fleet[0].status.store(status, SeqCst);
            call(&service).await;
            assert!(!is_out());
        }
        call(&service).await;
        assert!(is_out());
    }
}

/// OL2: success rate against the fleet, or a share of failures.
/// 1.9 deviations below the mean of at least 5 endpoints with 100 calls in 10 s, and at least 5 points
/// below it, so that the worst of equals stays; or 85 % of an endpoint's own calls.
#[tokio::test(start_paused = true)]
async fn ol2() {
    fastrand::seed(2);
    let fleet = fleet(&[200; 6]);
    let config = BalanceConfig {
        failure_penalty: Duration::ZERO,
        outlier: OutlierConfig {
            consecutive_failures: None,
            ..OutlierConfig::default()
        },
        ..config()
    };
    let (service, handle) = over(config, &fleet);
    let mut events = handle.subscribe(10);
    for n in 0..1_200 {
        // A third of what the fourth gets.
        fleet[4]
            .status
            .store(if n % 3 == 0 { 500 } else { 200 }, SeqCst);
        call(&service).await;
    }
    advance(Duration::from_secs(10)).await;
    call(&service).await;
    assert_eq!(changes(&mut events), ["4 ejected"]);
}

/// OL3: at most a share of the fleet is out.
/// A tenth, and one always; no more, however many fail.
#[tokio::test(start_paused = true)]
async fn ol3() {
    for (size, most) in [(1, 1), (5, 1), (20, 2)] {
        let fleet = fleet(&vec![500; size]);
        let (service, handle) = over(config(), &fleet);
        for _ in 0..size * 20 {
            call(&service).await;
        }
        let out = handle
            .snapshot()
            .endpoints
            .iter()
            .filter(|one| one.ejected)
            .count();
        assert_eq!(out, most, "of {size}");
    }
}

/// OL4: ejections grow, are capped, and the record fades while it is healthy.
/// 30 s, 60 s, ... 300 s; one is forgotten for each healthy interval of 10 s.
#[tokio::test(start_paused = true)]
async fn ol4() {
    let fleet = fleet(&[500]);
    let (service, handle) = over(strict(), &fleet);
    let mut lasted = Vec::new();
    for round in 0..13 {
        if round == 12 {
            fleet[0].status.store(200, SeqCst);
            for _ in 0..20 {
                call(&service).await;
                advance(Duration::from_secs(10)).await;
            }
            fleet[0].status.store(500, SeqCst);
        }
        while !handle.snapshot().endpoints[0].ejected {
            call(&service).await;
        }
        let left = handle.snapshot().endpoints[0].ejected_for.unwrap();
        lasted.push(left.as_secs_f64().round() as u64);
        advance(left + Duration::from_millis(1)).await;
    }
    assert_eq!(lasted[..3], [30, 60, 90]);
    assert_eq!(lasted[10..], [300, 300, 30]);
}

/// OL5: who is ejected is parked, not polled.
/// Calls that have nobody else sleep until it returns: one poll, and none of the endpoint.
#[tokio::test(start_paused = true)]
async fn ol5() {
    let fleet = fleet(&[500]);
    let config = BalanceConfig {
        max_wait: Duration::from_secs(60),
        ..strict()
    };
    let (service, handle) = over(config, &fleet);
    while !handle.snapshot().endpoints[0].ejected {
        call(&service).await;
    }
    let before = fleet[0].polls.load(SeqCst);
    let mut waits = Driven::new(service.clone().oneshot(request()));
    assert!(waits.poll().is_pending());
    sleep(Duration::from_secs(29)).await;
    assert!(!waits.is_woken());
    assert_eq!(fleet[0].polls.load(SeqCst), before);
    sleep(Duration::from_secs(2)).await;
    assert!(waits.is_woken());
}

/// OL6: a panic threshold.
/// With less than half of the endpoints in, ejections are ignored and calls go to all.
#[tokio::test(start_paused = true)]
async fn ol6() {
    let fleet = fleet(&[500; 4]);
    let config = BalanceConfig {
        panic_threshold: 0.5,
        ..strict()
    };
    let (service, handle) = over(config, &fleet);
    for _ in 0..200 {
        call(&service).await;
    }
    assert!(handle.snapshot().panicking);
    let before: Vec<_> = fleet.iter().map(Replica::calls).collect();
    for _ in 0..200 {
        assert_eq!(
            call(&service).await,
            Some(StatusCode::INTERNAL_SERVER_ERROR)
        );
    }
    let after = fleet.iter().map(Replica::calls);
    assert!(after.zip(before).all(|(after, before)| after - before > 10));
}

/// OL7: errors on our side told from those of the endpoint.
/// With a limit of their own, broken connections and deadlines of ours count there and nowhere else.
#[tokio::test(start_paused = true)]
async fn ol7() {
    let config = BalanceConfig {
        outlier: OutlierConfig {
            consecutive_local_failures: Some(3),
            ..strict().outlier
        },
        ..strict()
    };
    for (status, needed) in [(0, 3), (500, 5)] {
        let fleet = fleet(&[status]);
        let (service, handle) = over(config.clone(), &fleet);
        while !handle.snapshot().endpoints[0].ejected {
            call(&service).await;
        }
        assert_eq!(fleet[0].calls(), needed);
    }
    // A deadline outside that passes is a failure on our side.
    let hangs = [Replica::new(200, 1_000_000)];
    let (service, handle) = over(config, &hangs);
    let service = TimeoutLayer::new(Duration::from_secs(1)).layer(service);
    for _ in 0..3 {
        service.clone().oneshot(request()).await.unwrap();
    }
    assert!(handle.snapshot().endpoints[0].ejected);
}

/// OL8: power of two choices by peak latency.
/// Of two by chance the one with less latency times calls under way; a slow answer counts at once.
#[tokio::test(start_paused = true)]
async fn ol8() {
    fastrand::seed(8);
    let fleet = fleet(&[200; 4]);
    let (service, _) = over(config(), &fleet);
    for _ in 0..50 {
        join_all((0..8).map(|_| call(&service))).await;
    }
    let even: Vec<_> = fleet.iter().map(Replica::calls).collect();
    assert!(
        even.iter().all(|calls| (80..120).contains(calls)),
        "{even:?}"
    );
    fleet[0].millis.store(500, SeqCst);
    for _ in 0..50 {
        join_all((0..8).map(|_| call(&service))).await;
    }
    assert!(fleet[0].calls() - even[0] < 20, "{}", fleet[0].calls());
}

/// OL9: failures are a penalty, `Retry-After` a longer one.
/// A failure counts as 5 s of latency, less what has passed; an overloaded endpoint is avoided for as
/// long as it asks and not ejected.
#[tokio::test(start_paused = true)]
async fn ol9() {
    for (status, rests) in [(500, 5), (429, 20)] {
        fastrand::seed(9);
        let fleet = fleet(&[status, 200]);
        let (service, handle) = over(config(), &fleet);
        let mut events = handle.subscribe(100);
        while fleet[0].calls() == 0 {
            call(&service).await;
        }
        let left = handle.snapshot().endpoints[0].resting_for;
        assert_eq!(left.as_secs_f64().ceil() as u64, rests);
        let before = Instant::now();
        while fleet[0].calls() == 1 {
            call(&service).await;
        }
        let avoided = before.elapsed().as_secs_f64();
        assert!(avoided > rests as f64 * 0.9, "{status}: {avoided}");
        for _ in 0..20 {
            advance(Duration::from_secs(20)).await;
            call(&service).await;
        }
        let is_ejected = changes(&mut events).contains(&"0 ejected".to_owned());
        assert_eq!(is_ejected, status == 500);
    }
}

/// OL10: load lasts until the first data or the end of the body.
/// Until the head, the first data (the default) or the end, as you say; a call that is given up ends
/// there, and counts as at least as slow.
#[tokio::test(start_paused = true)]
async fn ol10() {
    for (measure, pending) in [
        (Measure::Head, 0),
        (Measure::FirstData, 1),
        (Measure::End, 1),
    ] {
        let fleet = fleet(&[200]);
        let config = BalanceConfig {
            measure,
            ..config()
        };
        let (service, handle) = over(config, &fleet);
        let response = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(
            handle.snapshot().endpoints[0].pending,
            pending,
            "{measure:?}"
        );
        drop(response);
        assert_eq!(handle.snapshot().endpoints[0].pending, 0, "{measure:?}");
    }
}

/// OL11: slow start for a host that is new or has recovered.
/// A tenth of its share at first, all of it after 10 s, by chance and not by load, which is none.
#[tokio::test(start_paused = true)]
async fn ol11() {
    fastrand::seed(11);
    let fleet = fleet(&[200; 3]);
    let (service, handle) = over(BalanceConfig::default(), &fleet);
    sleep(Duration::from_secs(60)).await;
    handle.eject("0");
    handle.take_back("0");
    let share = async || {
        let before = fleet[0].calls();
        for _ in 0..20 {
            join_all((0..30).map(|_| call(&service))).await;
        }
        fleet[0].calls() - before
    };
    let first = share().await;
    sleep(Duration::from_secs(10)).await;
    let then = share().await;
    assert!(first < 120 && then > 160, "{first}, {then} of 600");
}

/// OL12: no lock of the fleet on the way of a call.
/// The list is swapped as a whole and each endpoint has words of its own; calls, changes and looks at
/// them go on side by side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ol12() {
    let config = BalanceConfig::without_ejection();
    let balance = Balance::from_config(config).unwrap();
    let handle = balance.handle();
    let ready = tower::service_fn(|n: u64| async move { Ok::<_, tower_keep::BoxError>(n) });
    let service = balance.plain().over((0..4).map(|n| (n, ready)));
    let calls = (0..4).map(|_| {
        let mut service = service.clone();
        tokio::spawn(async move {
            for n in 0..2_000 {
                service.ready().await.unwrap().call(n).await.unwrap();
            }
        })
    });
    let calls: Vec<_> = calls.collect();
    for _ in 0..200 {
        handle.eject("1");
        handle.take_back("1");
        tokio::task::yield_now().await;
    }
    join_all(calls)
        .await
        .into_iter()
        .for_each(|call| call.unwrap());
    let seen = handle.snapshot();
    assert_eq!(
        seen.endpoints.iter().map(|one| one.calls).sum::<u64>(),
        8_000
    );
    assert!(seen.endpoints.iter().all(|one| one.pending == 0));
}

/// OL13: reconnect with back-off.
/// The client's pool connects; an endpoint it cannot reach is avoided, then ejected for longer and
/// longer with jitter, and all calls that wait for it go on when it is back.
#[tokio::test]
async fn ol13() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = BalanceConfig {
        max_wait: Duration::from_secs(10),
        outlier: OutlierConfig {
            base: Duration::from_millis(300),
            ..strict().outlier
        },
        ..strict()
    };
    let balance = Balance::from_config(config).unwrap();
    let handle = balance.handle();
    let service = balance.over([(address, client())]);
    let one_call = || service.clone().oneshot(request_to(address, "/"));
    for _ in 0..5 {
        one_call().await.unwrap_err();
    }
    assert!(
        handle.snapshot().endpoints[0].ejected,
        "five connections and no more"
    );
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let app = Router::new().route("/", get(|| async { "back" }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (one, other) = join(one_call(), one_call()).await;
    assert_eq!(
        [one.unwrap().status(), other.unwrap().status()],
        [StatusCode::OK; 2]
    );
}
