//! Throttling, shedding, priorities: AC10 to AC15 and AC18; BH5 and BH11.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, sleep},
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    context::{Deadline, Priority},
    correlation_id::{CorrelationIdLayer, PropagateLayer},
    load_shed::{LoadShedConfig, LoadShedLayer, Reason, Tenant},
    rejection::Rejection,
    throttle::ThrottleLayer,
};

const MILLI: Duration = Duration::from_millis(1);

/// Calls a service of `millis` each behind `layer`, one every `gap`; which were shed, and after how long.
async fn calls(
    layer: &LoadShedLayer,
    millis: u32,
    gap: Duration,
    requests: impl IntoIterator<Item = Request<()>>,
) -> Vec<JoinHandle<(bool, Duration)>> {
    let work = service_fn(move |_: Request<()>| async move {
        sleep(MILLI * millis).await;
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let service = layer.layer(work);
    let mut calls = Vec::new();
    for request in requests {
        let call = service.clone().oneshot(request);
        calls.push(tokio::spawn(async move {
            let begun = Instant::now();
            let answer = call.await.unwrap();
            (Rejection::of(&answer).is_some(), begun.elapsed())
        }));
        yield_now().await;
        if !gap.is_zero() {
            sleep(gap).await;
        }
    }
    calls
}

async fn all(calls: Vec<JoinHandle<(bool, Duration)>>) -> Vec<(bool, Duration)> {
    join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn urgent(urgency: u8) -> Request<()> {
    let priority = format!("u={urgency}");
    let request = Request::get("/").header("priority", priority);
    request.body(()).unwrap()
}

/// AC10: client throttling by accept ratio (SRE book).
/// `throttle` is the book's formula over a sliding window, lock-free, at the end of each answer.
#[tokio::test(start_paused = true)]
async fn ac10() {
    let asked = Arc::new(AtomicUsize::new(0));
    let busy = {
        let asked = asked.clone();
        service_fn(move |_: Request<()>| {
            asked.fetch_add(1, Relaxed);
            let mut answer = Response::new(String::new());
            *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            async move { Ok::<_, Infallible>(answer) }
        })
    };
    let client = ThrottleLayer::new().layer(busy);
    for _ in 0..1000 {
        client.clone().oneshot(Request::new(())).await.unwrap();
    }
    let asked = asked.load(Relaxed);
    assert!((50..250).contains(&asked), "{asked} of 1000");
}

/// AC11: priority classes with levels, threshold from queue pressure.
/// Eight urgencies (RFC 9218) of 32 steps. What matters more starts first and takes the queue's places;
/// from half a queue on, the threshold is a quantile of the recently seen levels. No calibration task.
#[tokio::test(start_paused = true)]
async fn ac11() {
    let layer = LoadShedLayer::from_config(LoadShedConfig {
        max_queue: 20,
        ..LoadShedConfig::new(1)
    });
    let layer = layer.unwrap();
    let calls = calls(&layer, 1, Duration::ZERO, (0..80).map(|n| urgent(n % 8))).await;
    let done = all(calls).await;
    let answered = |urgency: usize| {
        let of_urgency = done.iter().skip(urgency).step_by(8);
        of_urgency.filter(|(shed, _)| !shed).count()
    };
    assert_eq!((answered(0), answered(7)), (10, 0));
    for urgency in 1..7 {
        // The first of all found the place free.
        assert!(answered(urgency) >= answered(urgency + 1), "{urgency}");
    }
    assert!(layer.handle().snapshot().shed[Reason::Filling.as_str()] > 0);
}

/// AC12: fairness per user (usage tracker, bounded users).
/// Of calls that matter as much, those of the heaviest tenants are shed first; the table has a fixed
/// size, 16 bytes a tenant, whoever comes.
#[tokio::test(start_paused = true)]
async fn ac12() {
    let config = LoadShedConfig {
        max_queue: 10,
        max_tenants: 16,
        ..LoadShedConfig::new(2)
    };
    let layer = LoadShedLayer::from_config(config).unwrap();
    let layer = layer.tenant(|head| head.headers.get("who").map(Tenant::of));
    let of = |who: String| Request::get("/").header("who", who).body(()).unwrap();
    let heavy = || of("heavy".to_owned());
    all(calls(&layer, 10, 5 * MILLI, (0..100).map(|_| heavy())).await).await;
    let mixed = (0..60).map(|n| {
        if n % 2 == 0 {
            heavy()
        } else {
            of(format!("light {n}"))
        }
    });
    let done = all(calls(&layer, 10, Duration::ZERO, mixed).await).await;
    let answered = |of: usize| {
        done.iter()
            .skip(of)
            .step_by(2)
            .filter(|(shed, _)| !shed)
            .count()
    };
    assert!(answered(0) < answered(1), "{} {}", answered(0), answered(1));
    assert!(layer.handle().snapshot().tenants <= 16);
}

/// AC13: priority/level propagated over HTTP/gRPC headers.
/// `Priority: u=` (RFC 9218) is read on the server, failsafe-go's headers too, kept in the context, and
/// sent on by `PropagateLayer` with every call; the lot within a level is drawn by the correlation id, so
/// all services shed the same requests.
#[tokio::test(start_paused = true)]
async fn ac13() {
    let backend = service_fn(async |call: Request<Body>| {
        let sent = call.headers().get("priority").cloned();
        let sent = sent.map_or_else(
            || "none".to_owned(),
            |sent| sent.to_str().unwrap().to_owned(),
        );
        Ok::<_, BoxError>(Response::new(sent))
    });
    let client = ServiceBuilder::new()
        .layer(PropagateLayer::new())
        .service(backend);
    let call = move || async move {
        let answer = client.oneshot(Request::new(Body::empty())).await;
        answer.unwrap().into_body()
    };
    let routes = Router::new().route("/", get(call));
    let shed = LoadShedLayer::new(10)
        .prioritize(|head| (head.uri.query() == Some("vip")).then_some(Priority::CRITICAL));
    let with_id = routes.clone().layer(CorrelationIdLayer::new());
    let both = routes
        .clone()
        .layer(shed.clone())
        .layer(CorrelationIdLayer::new());
    let edge = routes.clone().layer(CorrelationIdLayer::edge());
    let shed = routes.layer(shed);
    for (app, uri, header, wanted) in [
        (&with_id, "/", Some(("priority", "u=1, i")), "u=1"),
        (&with_id, "/", Some(("x-failsafe-priority", "4")), "u=1"),
        (&with_id, "/", None, "none"),
        (&edge, "/", Some(("priority", "u=1")), "none"),
        (&both, "/", Some(("priority", "u=6")), "u=6"),
        (&both, "/?vip", Some(("priority", "u=6")), "u=0"),
        (&shed, "/", Some(("priority", "u=6")), "u=6"),
    ] {
        let mut request = Request::get(uri);
        request.headers_mut().unwrap().extend(HeaderMap::from_iter(
            header.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())),
        ));
        let answer = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await;
        let body = axum::body::to_bytes(answer.unwrap().into_body(), 100).await;
        assert_eq!(body.unwrap(), wanted, "{uri} {header:?}");
    }
}

/// AC14: shed on CPU/memory/event-loop pressure.
/// Any closure from 0 to 1 is an input, asked every 250 ms; `HostPressure` reads cgroup and /proc. The
/// share that is shed grows with it, the least important first, never all, and nothing where nothing runs.
#[tokio::test(start_paused = true)]
async fn ac14() {
    let layer = LoadShedLayer::new(1000).pressure(|| 1.0);
    let requests = (0..400).map(|n| urgent(if n % 10 == 0 { 0 } else { 5 }));
    let done = all(calls(&layer, 1000, MILLI, requests).await).await;
    let shed = done.iter().filter(|(shed, _)| *shed).count();
    assert!((340..400).contains(&shed), "{shed}");
    let critical = done.iter().step_by(10).filter(|(shed, _)| !shed).count();
    assert!(critical > 10, "half of the tenth that matters: {critical}");
}

/// AC15: shed on queue delay (CoDel / Little's law).
/// Target 5 ms, interval 100 ms, on any number of places; a call that is shed knows within the target.
#[tokio::test(start_paused = true)]
async fn ac15() {
    let layer = LoadShedLayer::new(5);
    let requests = (0..3000).map(|_| urgent(3));
    let done = all(calls(&layer, 20, MILLI, requests).await).await;
    let late = &done[1000..];
    let good = late.iter().filter(|(shed, _)| !shed);
    let most = good.clone().map(|(_, took)| *took).max().unwrap();
    assert!(
        most <= 27 * MILLI,
        "{most:?}: 20 ms of work and 5 of waiting"
    );
    // Timers of whole milliseconds: 5 calls each 20 or 21 ms.
    assert!(good.count() >= 400);
}

/// AC18: early reject before body/handler work (tap).
/// A refusal is given by the head; neither handler nor body is touched, and nothing was executed.
#[tokio::test(start_paused = true)]
async fn ac18() {
    let config = LoadShedConfig {
        max_queue: 0,
        ..LoadShedConfig::new(1)
    };
    let layer = LoadShedLayer::from_config(config).unwrap();
    let handled = Arc::new(AtomicUsize::new(0));
    let app = Router::new()
        .route(
            "/",
            get({
                let handled = handled.clone();
                move |body: Body| async move {
                    handled.fetch_add(1, Relaxed);
                    sleep(Duration::from_secs(1)).await;
                    body
                }
            }),
        )
        .layer(layer);
    let running = tokio::spawn(app.clone().oneshot(Request::new(Body::empty())));
    yield_now().await;
    let untouched = futures_util::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("the body was asked for")
        },
    );
    let request = Request::new(Body::new(StreamBody::new(untouched)));
    let answer = app.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(Rejection::of(&answer).unwrap().is_unexecuted());
    assert_eq!(handled.load(Relaxed), 1);
    running.await.unwrap().unwrap();
}

/// BH5: LIFO / CoDel queue under congestion.
/// `load_shed`: first in, first out until the queue has not been empty for an interval, then last in,
/// first out, and nobody waits longer than the target.
#[tokio::test(start_paused = true)]
async fn bh5() {
    let layer = LoadShedLayer::from_config(LoadShedConfig {
        target: 30 * MILLI,
        ..LoadShedConfig::new(1)
    });
    let layer = layer.unwrap();
    // In turn, while it is a burst.
    let burst = all(calls(&layer, 10, Duration::ZERO, (0..4).map(|_| urgent(3))).await).await;
    let took: Vec<_> = burst.iter().map(|(_, took)| *took).collect();
    assert!(took.is_sorted(), "{took:?}");
    // Twice what can be done: soon the one who came last is served first.
    let calls = calls(&layer, 10, 5 * MILLI, (0..400).map(|_| urgent(3))).await;
    assert!(layer.handle().snapshot().congested);
    let done = all(calls).await;
    let served = done[100..]
        .iter()
        .filter(|(shed, _)| !shed)
        .map(|(_, took)| *took);
    assert!(served.max().unwrap() <= 41 * MILLI);
}

/// BH11: deadline-aware admission (skip what cannot finish).
/// A call that, at the pace of the queue, would not start before its deadline is shed at once; one that
/// waits leaves at its deadline.
#[tokio::test(start_paused = true)]
async fn bh11() {
    let layer = LoadShedLayer::new(1);
    let before = calls(&layer, 20, Duration::ZERO, (0..5).map(|_| urgent(3))).await;
    // Two have started out of the queue by then: the pace is 20 ms, and two are before us.
    sleep(45 * MILLI).await;
    let begun = Instant::now();
    let hurried = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let soon = Deadline::after(30 * MILLI);
    let answer = soon.scope(hurried.oneshot(urgent(3))).await.unwrap();
    assert!(Rejection::of(&answer).is_some());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let reason = Reason::Deadline.as_str();
    assert_eq!(layer.handle().snapshot().shed[reason], 1);
    assert!(all(before).await.iter().all(|(shed, _)| !shed));
}
