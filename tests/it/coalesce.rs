//! One answer for many callers.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceExt, service_fn};
use tower_keep::{
    coalesce::{CoalesceConfig, CoalesceLayer},
    observe::EventKind,
    rejection::Rejection,
};
use tower_keep_test::Driven;
use tower_layer::Layer;

use crate::support::{self, by_hand};

const WORK: Duration = Duration::from_millis(100);

pub(crate) fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

/// Counts calls, and answers each after [`WORK`] with `make`'s answer.
fn counting<B>(
    calls: &Arc<AtomicUsize>,
    make: impl Fn(usize) -> Response<B> + Clone,
) -> impl Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible, Future: Unpin> + Clone
{
    let calls = calls.clone();
    service_fn(move |_| {
        let (nth, make) = (calls.fetch_add(1, Relaxed), make.clone());
        Box::pin(async move {
            sleep(WORK).await;
            Ok(make(nth))
        })
    })
}

async fn body_of<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_ask_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let layer = CoalesceLayer::new();
    let mut events = layer.handle().subscribe(200);
    let service = layer.layer(counting(&calls, |_| {
        Response::builder()
            .status(StatusCode::NOT_FOUND)
            .header("etag", "\"1\"")
            .body(Full::new(Bytes::from_static(b"nothing")))
            .unwrap()
    }));
    let answers = (0..100).map(|_| async {
        let answer = service.clone().oneshot(request("/a")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(answer.headers()["etag"], "\"1\"");
        body_of(answer).await
    });
    assert!(join_all(answers).await.iter().all(|body| body == "nothing"));
    assert_eq!(calls.load(Relaxed), 1);
    let now = layer.handle().snapshot();
    assert_eq!((now.in_flight, now.waiting, now.shared), (0, 0, 99));
    let event = events.next().await.unwrap();
    assert!(matches!(
        event.kind,
        EventKind::AnswerReused { from: "shared" }
    ));
    // What is over is over: nothing is kept.
    body_of(service.oneshot(request("/a")).await.unwrap()).await;
    assert_eq!(calls.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_polled_twice() {
    let calls = Arc::new(AtomicUsize::new(0));
    let service =
        CoalesceLayer::new().layer(counting(
            &calls,
            |_| Response::new(Full::<Bytes>::default()),
        ));
    let mut leader = Driven::new(service.clone().oneshot(request("/a")));
    assert!(leader.poll().is_pending());
    let mut waiters: Vec<_> = (0..10)
        .map(|_| Driven::new(service.clone().oneshot(request("/a"))))
        .collect();
    for waiter in &mut waiters {
        assert!(waiter.poll().is_pending());
    }
    tokio::time::advance(WORK / 2).await;
    assert!(waiters.iter().all(|waiter| !waiter.is_woken()));
    let answer = leader.finish().await.unwrap();
    body_of(answer).await;
    for waiter in &mut waiters {
        assert!(matches!(waiter.poll(), Poll::Ready(Ok(_))));
        assert_eq!((waiter.polls(), waiter.wakes()), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_dropped_hands_on_and_the_next_one_asks_with_its_own_request() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let service = service_fn({
        let seen = seen.clone();
        move |request: Request<Full<Bytes>>| {
            seen.lock()
                .unwrap()
                .push(request.headers()["x-caller"].clone());
            async {
                sleep(WORK).await;
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        }
    });
    let layer = CoalesceLayer::new();
    let service = layer.layer(service);
    let call = |caller: &'static str| {
        let mut request = request("/a");
        request
            .headers_mut()
            .insert("x-caller", caller.parse().unwrap());
        Driven::new(service.clone().oneshot(request))
    };
    let (mut first, mut second, mut third) = (call("1"), call("2"), call("3"));
    for call in [&mut first, &mut second, &mut third] {
        assert!(call.poll().is_pending());
    }
    drop(first);
    assert!(second.is_woken() && !third.is_woken());
    assert!(second.poll().is_pending());
    // Dropped before it was asked again: the next.
    drop(second);
    assert!(third.is_woken());
    body_of(third.finish().await.unwrap()).await;
    assert_eq!(*seen.lock().unwrap(), ["1", "2", "3"]);
    let now = layer.handle().snapshot();
    assert_eq!((now.in_flight, now.waiting, now.handovers), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_leader_streams_and_one_that_stops_reading_is_overtaken() {
    let (frames, body) = by_hand();
    let bodies = Arc::new(std::sync::Mutex::new(vec![body]));
    let service = CoalesceLayer::new().layer(service_fn(move |_: Request<Full<Bytes>>| {
        let body = bodies.lock().unwrap().pop();
        async move {
            Ok::<_, Infallible>(Response::new(match body {
                Some(body) => Body::new(body),
                None => Body::from("another"),
            }))
        }
    }));
    frames.send(Bytes::from_static(b"first")).unwrap();
    let mut led = service
        .clone()
        .oneshot(request("/a"))
        .await
        .unwrap()
        .into_body();
    let frame = led.frame().await.unwrap().unwrap();
    assert_eq!(frame.data_ref().unwrap(), "first", "before the end");

    let start = Instant::now();
    let waiters =
        join_all((0..5).map(|_| async {
            body_of(service.clone().oneshot(request("/a")).await.unwrap()).await
        }));
    assert_eq!(waiters.await, ["another"; 5]);
    let waited = start.elapsed();
    let max_wait = CoalesceConfig::default().max_wait;
    assert!(waited >= max_wait && waited < 2 * max_wait, "{waited:?}");
    drop(frames);
    assert!(led.frame().await.is_none(), "it goes on for its own caller");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_for_all_or_too_large_is_asked_for_by_each() {
    let table: [(&str, &str, usize); 5] = [
        ("set-cookie", "id=1", 0),
        ("cache-control", "private", 0),
        ("vary", "x-tenant", 0),
        ("x-usual", "1", 65 * 1024),
        ("content-length", "70000", 70_000),
    ];
    for (name, value, len) in table {
        let calls = Arc::new(AtomicUsize::new(0));
        let service = CoalesceLayer::new().layer(counting(&calls, move |_| {
            let frames = futures_util::stream::iter(
                vec![Bytes::from(vec![7; 1024]); len / 1024]
                    .into_iter()
                    .chain((len % 1024 > 0).then(|| Bytes::from(vec![7; len % 1024])))
                    .map(Ok::<_, Infallible>),
            );
            Response::builder()
                .header(name, value)
                .body(Body::from_stream(frames))
                .unwrap()
        }));
        let start = Instant::now();
        let answers = join_all((0..5).map(|_| async {
            body_of(service.clone().oneshot(request("/a")).await.unwrap()).await
        }));
        for body in answers.await {
            assert_eq!(body.len(), len, "{name}");
        }
        assert_eq!(calls.load(Relaxed), 5, "{name}");
        assert_eq!(start.elapsed(), 2 * WORK, "one after the leader, together");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_not_shared_and_not_waited_for_in_a_row() {
    let calls = Arc::new(AtomicUsize::new(0));
    let layer = CoalesceLayer::new().plain_by(|n: &u64| Some(n.to_le_bytes()));
    let counter = calls.clone();
    let service = layer.layer(service_fn(move |_: u64| {
        counter.fetch_add(1, Relaxed);
        async {
            sleep(WORK).await;
            Err::<u64, BoxError>("down".into())
        }
    }));
    let start = Instant::now();
    let answers = join_all((0..50).map(|_| service.clone().oneshot(7))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap_err().to_string() == "down")
    );
    assert_eq!(start.elapsed(), 3 * WORK, "two in a row, then all at once");
    assert_eq!(calls.load(Relaxed), 50);
    assert_eq!(layer.handle().snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_from_inside_is_shared_as_one() {
    let service = CoalesceLayer::new().layer(tower_keep::bulkhead::BulkheadLayer::new(0).layer(
        service_fn(|_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }),
    ));
    let mut leader = service.clone();
    let leader = leader.ready().await.unwrap().call(request("/a"));
    let mut second = service.clone();
    let second = second.ready().await.unwrap().call(request("/a"));
    let first = leader.await.unwrap();
    let problem = body_of(first).await;
    let second = second.await.unwrap();
    assert!(Rejection::of(&second).is_some());
    assert_eq!(body_of(second).await, problem);
}

#[tokio::test(start_paused = true)]
async fn panics_do_not_go_round() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let service = CoalesceLayer::new().layer(service_fn(move |_: Request<Full<Bytes>>| {
        counter.fetch_add(1, Relaxed);
        async {
            sleep(WORK).await;
            assert!(Instant::now() < Instant::now(), "a bug");
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    }));
    let start = Instant::now();
    let calls_made = (0..10).map(|_| tokio::spawn(service.clone().oneshot(request("/a"))));
    for call in join_all(calls_made).await {
        assert!(call.unwrap_err().is_panic());
    }
    assert_eq!(start.elapsed(), 3 * WORK);
    assert_eq!(calls.load(Relaxed), 10);
}

#[tokio::test(start_paused = true)]
async fn bounds_hold_and_it_can_be_turned_off() {
    let calls = Arc::new(AtomicUsize::new(0));
    let layer = CoalesceLayer::from_config(CoalesceConfig {
        max_keys: 1,
        max_waiters: 1,
        ..CoalesceConfig::default()
    })
    .unwrap();
    let service = layer.layer(counting(
        &calls,
        |_| Response::new(Full::<Bytes>::default()),
    ));
    let ask = |path: &'static str| {
        let service = service.clone();
        async move { body_of(service.oneshot(request(path)).await.unwrap()).await }
    };
    // A leader, one who waits, one too many; another key too many.
    join_all([ask("/a"), ask("/a"), ask("/a"), ask("/b")]).await;
    assert_eq!(calls.swap(0, Relaxed), 3);
    assert_eq!(layer.handle().snapshot().alone, 2);

    let config = CoalesceConfig {
        enabled: false,
        ..layer.handle().config()
    };
    layer.handle().update(config).unwrap();
    join_all([ask("/a"), ask("/a")]).await;
    assert_eq!(calls.load(Relaxed), 2);

    let config = CoalesceConfig {
        vary: vec!["not a name".into()],
        ..CoalesceConfig::default()
    };
    let error = CoalesceLayer::from_config(config).unwrap_err().to_string();
    assert!(
        error.starts_with("coalesce: `vary` has \"not a name\""),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_of_ones_own() {
    let calls = Arc::new(AtomicUsize::new(0));
    let layer = CoalesceLayer::new().key(|head| {
        let tenant = head.headers.get("authorization")?.as_bytes();
        Some([tenant, head.uri.path().as_bytes()].join(&b'\n'))
    });
    let service = layer.layer(counting(
        &calls,
        |_| Response::new(Full::<Bytes>::default()),
    ));
    let ask = |tenant: Option<&'static str>| {
        let service = service.clone();
        async move {
            let mut request = request("/a");
            if let Some(tenant) = tenant {
                request
                    .headers_mut()
                    .insert("authorization", tenant.parse().unwrap());
            }
            body_of(service.oneshot(request).await.unwrap()).await
        }
    };
    join_all([
        ask(Some("1")),
        ask(Some("1")),
        ask(Some("2")),
        ask(None),
        ask(None),
    ])
    .await;
    assert_eq!(calls.load(Relaxed), 4);
}

#[tokio::test]
async fn on_real_sockets_and_in_two_nests() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (arrived, gate) = (calls.clone(), Arc::new(tokio::sync::Semaphore::new(0)));
    let open = gate.clone();
    let layer = CoalesceLayer::new();
    let nest = |name: &'static str| {
        let (arrived, gate) = (arrived.clone(), gate.clone());
        let handler = move || async move {
            arrived.fetch_add(1, Relaxed);
            drop(gate.acquire().await.unwrap());
            name
        };
        Router::new().route("/x", get(handler)).layer(layer.clone())
    };
    let app = Router::new().nest("/a", nest("a")).nest("/b", nest("b"));
    let address = support::serve(app).await;
    let client = support::client();
    let asked = ["/a/x", "/b/x", "/a/x", "/b/x", "/a/x"]
        .map(|path| tokio::spawn(client.request(support::get(address, path))));
    while layer.handle().snapshot().waiting < 3 {
        tokio::task::yield_now().await;
    }
    open.add_permits(10);
    let mut bodies = Vec::new();
    for call in asked {
        bodies.push(support::text(call.await.unwrap().unwrap()).await);
    }
    assert_eq!(bodies, ["a", "b", "a", "b", "a"]);
    assert_eq!(calls.load(Relaxed), 2);
}
