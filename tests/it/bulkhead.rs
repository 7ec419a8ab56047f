//! The bulkhead from outside.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use tokio::{sync::Semaphore, task::yield_now, time::Instant};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadHandle, BulkheadLayer, CpuBulkhead},
    observe::{EventKind, Watch},
    protocol::CarriesRejection,
    rejection::{Kind, Rejection},
};
use tower_service::Service;

use crate::support::{QuoteError, by_hand, client, get as request, serve};

fn running(handle: &BulkheadHandle) -> usize {
    handle.snapshot().running
}

/// A service that works until it is told to stop.
fn gated(
    gate: &Arc<Semaphore>,
) -> impl Service<u64, Response = u64, Error = BoxError, Future: Send> + Clone + use<> {
    let gate = gate.clone();
    service_fn(move |n: u64| {
        let gate = gate.clone();
        async move {
            gate.acquire().await?.forget();
            Ok(n)
        }
    })
}

fn queued(max_concurrent: usize, max_queue: usize) -> BulkheadLayer {
    let config = BulkheadConfig {
        max_queue,
        max_wait: Duration::from_secs(10),
        ..BulkheadConfig::new(max_concurrent)
    };
    BulkheadLayer::from_config(config).unwrap()
}

#[tokio::test]
async fn a_bulkhead_of_two_holds_ten_streaming_bodies_to_two() {
    let layer = BulkheadLayer::new(2).named("downloads");
    let handle = layer.handle();
    let streams = Arc::new(Mutex::new(Vec::new()));
    let app = Router::new()
        .route(
            "/",
            get({
                let streams = streams.clone();
                move || async move {
                    let (frames, body) = by_hand();
                    frames.send(Bytes::from_static(b"first")).unwrap();
                    streams.lock().unwrap().push(frames);
                    Body::new(body)
                }
            }),
        )
        .layer(layer);
    let address = serve(app).await;

    // Ten clients with a connection each; all heads arrive, two bodies stream.
    let responses = join_all((0..10).map(|_| async {
        let client = client();
        let response = client.request(request(address, "/")).await.unwrap();
        (client, response)
    }))
    .await;
    let (streaming, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|(_, response)| response.status() == StatusCode::OK);
    assert_eq!((streaming.len(), refused.len()), (2, 8));
    assert_eq!(
        running(&handle),
        2,
        "the heads are long gone, the bodies are not"
    );
    for (_, response) in refused {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["executed"], false);
        assert_eq!(problem["layer"], "bulkhead");
        assert_eq!(problem["name"], "downloads");
        assert_eq!(problem["detail"], "all 2 places are taken");
    }

    streams.lock().unwrap().clear();
    for (_, response) in streaming {
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "first"
        );
    }
    while running(&handle) > 0 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_body_gives_its_place_back() {
    let layer = BulkheadLayer::new(1);
    let handle = layer.handle();
    let (frames, body) = by_hand();
    let app = ServiceBuilder::new()
        .layer(layer)
        .service_fn(move |_: Request<Body>| {
            let body = Body::new(by_hand().1);
            async { Ok::<_, BoxError>(http::Response::new(body)) }
        });
    drop((frames, body));
    let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(running(&handle), 1);
    drop(response);
    assert_eq!(running(&handle), 0);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once_and_leaves_nothing_behind() {
    let gate = Arc::new(Semaphore::new(0));
    let layer = BulkheadLayer::new(1).named("quotes").plain();
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let service = ServiceBuilder::new().layer(layer).service(gated(&gate));

    let first = tokio::spawn(service.clone().oneshot(1));
    while running(&handle) == 0 {
        yield_now().await;
    }
    let error = service.clone().oneshot(2).await.unwrap_err();
    let rejection = Rejection::find(&*error).expect("a refusal of ours");
    assert_eq!(rejection.kind(), &Kind::BulkheadFull { limit: 1 });
    assert_eq!(
        (rejection.layer(), rejection.name()),
        ("bulkhead", "quotes")
    );
    assert!(rejection.is_unexecuted());
    let event = events.try_next().unwrap();
    assert!(
        matches!(event.kind, EventKind::CallRejected { .. }),
        "{event}"
    );
    assert_eq!(event.name(), "quotes");
    assert_eq!(handle.vitals().summary, "1 of 1 places taken, 0 waiting");

    gate.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    gate.add_permits(1);
    assert_eq!(service.oneshot(3).await.unwrap(), 3);
    assert_eq!(handle.snapshot().refused, 1);
}

#[tokio::test]
async fn the_queue_is_first_come_first_served_and_no_longer_than_told() {
    let gate = Arc::new(Semaphore::new(0));
    let layer = queued(1, 3).plain();
    let handle = layer.handle();
    let service = ServiceBuilder::new().layer(layer).service(gated(&gate));
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut calls = Vec::new();
    for n in 0..4 {
        let (service, done) = (service.clone(), done.clone());
        calls.push(tokio::spawn(async move {
            let n = service.oneshot(n).await.unwrap();
            done.lock().unwrap().push(n);
        }));
        yield_now().await;
    }
    assert_eq!((running(&handle), handle.snapshot().waiting), (1, 3));
    assert!(
        service.clone().oneshot(9).await.is_err(),
        "the queue is full"
    );

    gate.add_permits(4);
    join_all(calls).await;
    assert_eq!(*done.lock().unwrap(), [0, 1, 2, 3]);
    assert_eq!((running(&handle), handle.snapshot().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_than_told_and_leaves_the_queue() {
    let gate = Arc::new(Semaphore::new(0));
    let layer = BulkheadLayer::from_config(BulkheadConfig::queued(1))
        .unwrap()
        .plain();
    let handle = layer.handle();
    let service = ServiceBuilder::new().layer(layer).service(gated(&gate));
    let _first = tokio::spawn(service.clone().oneshot(1));
    yield_now().await;

    let start = Instant::now();
    let error = service.oneshot(2).await.unwrap_err();
    let waited = start.elapsed();
    assert!((100..=102).contains(&waited.as_millis()), "{waited:?}");
    let rejection = Rejection::find(&*error).unwrap();
    assert!(
        matches!(rejection.kind(), Kind::QueueTimeout { .. }),
        "{rejection}"
    );
    assert_eq!(handle.snapshot().waiting, 0);
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_no_waiter_and_loses_no_place() {
    let gate = Arc::new(Semaphore::new(0));
    let layer = queued(1, 8).plain();
    let handle = layer.handle();
    let service = ServiceBuilder::new().layer(layer).service(gated(&gate));
    let first = tokio::spawn(service.clone().oneshot(1));
    yield_now().await;
    let [second, third] = [2, 3].map(|n| tokio::spawn(service.clone().oneshot(n)));
    yield_now().await;
    assert_eq!(handle.snapshot().waiting, 2);

    // The second gives up while it waits...
    second.abort();
    let _ = second.await;
    assert_eq!(handle.snapshot().waiting, 1);
    // ...and the third in the moment between being handed the place and noticing.
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    third.abort();
    let _ = third.await;
    assert_eq!((running(&handle), handle.snapshot().waiting), (0, 0));
    gate.add_permits(1);
    assert_eq!(service.oneshot(4).await.unwrap(), 4);
}

#[tokio::test]
async fn the_limit_follows_an_update_while_calls_run() {
    let gate = Arc::new(Semaphore::new(0));
    let layer = queued(10, 10).plain();
    let handle = layer.handle();
    let service = ServiceBuilder::new().layer(layer).service(gated(&gate));
    let calls: Vec<_> = (0..14)
        .map(|n| tokio::spawn(service.clone().oneshot(n)))
        .collect();
    yield_now().await;
    assert_eq!((running(&handle), handle.snapshot().waiting), (10, 4));

    let config = |max_concurrent| BulkheadConfig {
        max_concurrent,
        ..handle.config()
    };
    handle.update(config(2)).unwrap();
    gate.add_permits(9);
    while running(&handle) > 2 {
        yield_now().await;
    }
    handle.update(config(10)).unwrap();
    assert_eq!(
        handle.snapshot().waiting,
        0,
        "a higher limit lets them in at once"
    );
    gate.add_permits(5);
    assert_eq!(
        join_all(calls)
            .await
            .into_iter()
            .filter(|r| r.as_ref().unwrap().is_ok())
            .count(),
        14
    );
    assert_eq!(running(&handle), 0);

    let error = handle
        .update(BulkheadConfig {
            max_wait: Duration::ZERO,
            ..handle.config()
        })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "bulkhead: `max_wait` is zero: give a time longer than that"
    );
}

#[tokio::test]
async fn a_grpc_caller_gets_a_status_in_its_own_language() {
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(0))
        .service_fn(|_: Request<Body>| async {
            Ok::<_, BoxError>(http::Response::new(Body::empty()))
        });
    let call = Request::builder()
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc+proto")
        .body(Body::empty())
        .unwrap();
    let response = service.oneshot(call).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(
        response.headers()["grpc-message"],
        "bulkhead: all 0 places are taken"
    );
    assert!(Rejection::of(&response).is_some());
    assert!(http_body::Body::is_end_stream(response.body()));
}

#[tokio::test]
async fn an_error_enum_of_your_own_carries_the_refusal() {
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(0).plain())
        .service_fn(|n: u64| async move { Ok::<_, QuoteError>(n) });
    assert!(service.oneshot(1).await.unwrap_err().rejection().is_some());
}

#[tokio::test]
async fn cpu_work_keeps_its_place_until_it_is_done_even_if_nobody_waits() {
    let pool = CpuBulkhead::from_config(BulkheadConfig::new(1)).unwrap();
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let work = tokio::spawn({
        let pool = pool.clone();
        async move {
            let work = move || {
                begun.send(()).unwrap();
                gate.recv()
            };
            pool.run(work).await
        }
    });
    begins.await.unwrap();
    work.abort();
    let _ = work.await;
    assert_eq!(running(pool.handle()), 1, "the closure still runs");
    assert!(pool.run(|| ()).await.is_err());
    go.send(()).unwrap();
    while running(pool.handle()) > 0 {
        yield_now().await;
    }
    assert_eq!(pool.run(|| 6 * 7).await.unwrap(), 42);
}

#[test]
fn cpu_work_whose_caller_is_gone_before_it_starts_is_not_done() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || gate.recv());
        let pool = CpuBulkhead::new(1);
        let (done, mut told) = tokio::sync::mpsc::channel(1);
        let mut work = Box::pin(pool.run(move || done.try_send(())));
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        go.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert_eq!(told.recv().await, None, "nobody waits for it");
        pool.run(|| ()).await.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_holds_nothing_however_long_it_is_kept() {
    let layer = queued(1, 1);
    let handle = layer.handle();
    let held = handle.acquire().await.unwrap();
    let mut over = std::pin::pin!(handle.acquire());
    assert!((&mut over).await.is_err());
    assert_eq!(handle.snapshot().waiting, 0);
    drop(held);
    assert_eq!(running(&handle), 0, "no place goes to it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_give_up_and_limits_that_change_lose_no_place_on_many_threads() {
    let layer = queued(4, 8);
    let handle = layer.handle();
    let callers = (0..8).map(|caller| {
        let handle = handle.clone();
        tokio::spawn(async move {
            for call in 0..2_000_usize {
                let patience = (caller + call) % 5;
                let give_up = async {
                    for _ in 0..patience {
                        yield_now().await;
                    }
                };
                tokio::select! {
                    biased;
                    place = handle.acquire() => {
                        yield_now().await;
                        drop(place);
                    }
                    () = give_up => {}
                }
                if call % 100 == 0 {
                    let config = BulkheadConfig {
                        max_concurrent: call / 100 % 4,
                        ..handle.config()
                    };
                    handle.update(config).unwrap();
                }
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    let now = handle.snapshot();
    assert_eq!((now.running, now.waiting), (0, 0));
    handle.update(BulkheadConfig::new(1)).unwrap();
    assert!(handle.acquire().await.is_ok());
}
