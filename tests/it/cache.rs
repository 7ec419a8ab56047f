//! Answers that are given again.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::{advance, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    bulkhead::BulkheadLayer,
    cache::{CacheConfig, CacheLayer, Mode},
    coalesce::CoalesceLayer,
    observe::EventKind,
};
use tower_keep_test::Driven;
use tower_layer::Layer;

use crate::support;

type Answer = Response<String>;

type Script = dyn Fn(usize, &Request<Full<Bytes>>) -> Response<Full<Bytes>> + Send + Sync;

/// A service that answers with its script, made of the request, and remembers what it was asked.
#[derive(Clone)]
struct Origin {
    asked: Arc<Mutex<Vec<HeaderMap>>>,
    script: Arc<Script>,
}

impl Origin {
    fn new(
        script: impl Fn(usize, &Request<Full<Bytes>>) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            asked: Arc::default(),
            script: Arc::new(script),
        }
    }

    /// Answers with these headers, and with the number of the call as its body.
    fn saying(fields: &'static [(&'static str, &'static str)]) -> Self {
        Self::new(move |nth, _| answer(200, fields, nth.to_string()))
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn behind(
        &self,
        layer: &CacheLayer,
    ) -> impl Service<
        Request<Full<Bytes>>,
        Response = Response<impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + use<>>,
        Error = Infallible,
    > + Clone
    + use<> {
        let origin = self.clone();
        layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
            let mut asked = origin.asked.lock().unwrap();
            let answer = (origin.script)(asked.len(), &request);
            asked.push(request.headers().clone());
            async move {
                sleep(Duration::from_millis(1)).await;
                Ok::<_, Infallible>(answer)
            }
        }))
    }
}

fn answer(
    status: u16,
    fields: &[(&'static str, &'static str)],
    body: String,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    response
}

fn request(fields: &[(&'static str, &'static str)]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = "/a".parse().unwrap();
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

async fn ask<S, B>(service: &S, request: Request<Full<Bytes>>) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let Ok(response) = service.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn get_a<S, B>(service: &S) -> String
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    ask(service, request(&[])).await.into_body()
}

async fn seconds(n: u64) {
    advance(Duration::from_secs(n)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fresh_answer_is_given_again_with_its_age() {
    let layer = CacheLayer::new();
    let mut events = layer.handle().subscribe(9);
    let origin = Origin::saying(&[
        ("cache-control", "max-age=60"),
        ("x-own", "1"),
        ("connection", "close"),
    ]);
    let service = origin.behind(&layer);
    assert_eq!(get_a(&service).await, "0");
    seconds(42).await;
    let again = ask(&service, request(&[])).await;
    assert_eq!(again.headers()["age"], "42");
    assert_eq!(again.headers()["x-own"], "1");
    assert!(!again.headers().contains_key("connection"));
    assert_eq!(again.body(), "0");
    let mut head = request(&[]);
    *head.method_mut() = Method::HEAD;
    let head = ask(&service, head).await;
    assert_eq!(
        (
            head.headers()["content-length"].to_str().unwrap(),
            &head.body()[..]
        ),
        ("1", "")
    );
    let event = events.next().await.unwrap();
    assert!(matches!(
        event.kind,
        EventKind::AnswerReused { from: "fresh" }
    ));
    seconds(18).await;
    assert_eq!(get_a(&service).await, "1");
    let now = layer.handle().snapshot();
    assert_eq!((now.entries, now.hits, now.misses), (1, 2, 2));
    assert!(now.bytes > 0);
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_asked_about() {
    let origin = Origin::new(|nth, request| {
        let fields = [("cache-control", "max-age=10"), ("etag", "\"1\"")];
        if request.headers().contains_key("if-none-match") {
            answer(
                304,
                &[
                    ("cache-control", "max-age=20"),
                    ("x-new", "1"),
                    ("content-length", "99"),
                ],
                String::new(),
            )
        } else {
            answer(200, &fields, nth.to_string())
        }
    });
    let layer = CacheLayer::from_config(CacheConfig {
        cache_status: true,
        ..CacheConfig::default()
    })
    .unwrap()
    .named("front");
    let service = origin.behind(&layer);
    let status = |answer: &Answer| {
        answer.headers()["cache-status"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        status(&ask(&service, request(&[])).await),
        "front; fwd=uri-miss; fwd-status=200"
    );
    seconds(10).await;
    let kept = ask(&service, request(&[])).await;
    assert_eq!((kept.status(), &kept.body()[..]), (StatusCode::OK, "0"));
    assert_eq!(status(&kept), "front; fwd=stale; fwd-status=304");
    assert_eq!(kept.headers()["x-new"], "1");
    assert!(!kept.headers().contains_key("content-length"));
    seconds(19).await;
    let kept = ask(&service, request(&[])).await;
    assert_eq!(status(&kept), "front; hit; ttl=1");
    assert_eq!(origin.calls(), 2);
    assert_eq!(origin.asked.lock().unwrap()[1]["if-none-match"], "\"1\"");
    // A caller who has it is told so, and the service is not asked.
    let same = ask(&service, request(&[("if-none-match", "W/\"1\"")])).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.headers()["etag"], "\"1\"");
    assert_eq!(layer.handle().snapshot().revalidated, 1);
}

#[tokio::test(start_paused = true)]
async fn one_asks_while_the_others_take_what_is_there() {
    let origin = Origin::saying(&[("cache-control", "max-age=10, stale-while-revalidate=60")]);
    let layer = CacheLayer::new();
    let service = origin.behind(&layer);
    get_a(&service).await;
    seconds(30).await;
    let mut bodies = join_all((0..20).map(|_| get_a(&service))).await;
    bodies.sort();
    assert_eq!(bodies.pop().unwrap(), "1", "the one who asked");
    assert!(bodies.iter().all(|body| body == "0"));
    assert_eq!(origin.calls(), 2);
    assert_eq!(get_a(&service).await, "1");
    // Who asks and gives up leaves that to the next.
    seconds(30).await;
    let mut given_up = Driven::new(service.clone().oneshot(request(&[])));
    assert!(given_up.poll().is_pending());
    assert_eq!(get_a(&service).await, "1");
    drop(given_up);
    assert_eq!(get_a(&service).await, "3");
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_is_covered_for() {
    let origin = Origin::new(|nth, _| match nth {
        0 => answer(
            200,
            &[("cache-control", "max-age=10, stale-if-error=60")],
            "good".into(),
        ),
        1 => answer(404, &[], "gone".into()),
        _ => answer(503, &[], "down".into()),
    });
    let layer = CacheLayer::new();
    let service = origin.behind(&layer);
    get_a(&service).await;
    // A refusal from inside counts as failure.
    let refusing = layer.layer(BulkheadLayer::new(0).layer(service_fn(
        |_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        },
    )));
    seconds(69).await;
    assert_eq!(get_a(&refusing).await, "good");
    assert_eq!(layer.handle().snapshot().stale, 1);
    assert_eq!(
        get_a(&service).await,
        "gone",
        "an answer of the service is no failure"
    );
    assert_eq!(
        get_a(&service).await,
        "down",
        "and what was kept is out of date"
    );
    seconds(10).await;
    assert_eq!(
        ask(&refusing, request(&[])).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test(start_paused = true)]
async fn variants_do_not_mix() {
    let origin = Origin::new(|_, request| {
        let language = request.headers()["accept-language"]
            .to_str()
            .unwrap()
            .to_owned();
        answer(
            200,
            &[("cache-control", "max-age=60"), ("vary", "Accept-Language")],
            language,
        )
    });
    let service = origin.behind(&CacheLayer::new());
    for _ in 0..3 {
        for language in ["de", "fr"] {
            let answer = ask(&service, request(&[("accept-language", language)])).await;
            assert_eq!(answer.body(), language);
        }
    }
    assert_eq!(origin.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_what_is_anothers() {
    for (fields, calls) in [
        (&[("cache-control", "max-age=60")][..], 4),
        (&[("cache-control", "max-age=60, public")], 1),
        (&[("cache-control", "max-age=60, private")], 5),
        (&[("cache-control", "max-age=60"), ("set-cookie", "a=b")], 5),
    ] {
        let origin = Origin::saying(fields);
        let service = origin.behind(&CacheLayer::new());
        get_a(&service).await;
        for credentials in [
            ("authorization", "1"),
            ("authorization", "2"),
            ("cookie", "3"),
        ] {
            ask(&service, request(&[credentials])).await;
        }
        get_a(&service).await;
        assert_eq!(origin.calls(), calls, "{fields:?}");
    }
    let origin = Origin::saying(&[("cache-control", "max-age=60, private")]);
    let layer = CacheLayer::from_config(CacheConfig::private()).unwrap();
    let service = origin.behind(&layer);
    for _ in 0..2 {
        ask(&service, request(&[("cookie", "1")])).await;
    }
    assert_eq!(origin.calls(), 1);
    let config = CacheConfig {
        mode: Mode::Shared,
        ..layer.handle().config()
    };
    layer.handle().update(config).unwrap();
    assert_eq!(layer.handle().snapshot().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_takes_away_what_is_kept_and_what_is_on_its_way() {
    let origin = Origin::saying(&[("cache-control", "max-age=60")]);
    let service = origin.behind(&CacheLayer::new());
    let mut change = request(&[]);
    *change.method_mut() = Method::PUT;
    assert_eq!(get_a(&service).await, "0");
    ask(&service, change.clone()).await;
    assert_eq!(get_a(&service).await, "2");
    // Given up in the middle: it may have had its effect.
    let mut given_up = Driven::new(service.clone().oneshot(change.clone()));
    assert!(given_up.poll().is_pending());
    drop(given_up);
    assert_eq!(get_a(&service).await, "4");
    // A read that was answered before the change and is read to its end after it.
    ask(&service, change.clone()).await;
    let Ok(slow) = service.clone().oneshot(request(&[])).await;
    ask(&service, change).await;
    slow.into_body().collect().await.unwrap();
    assert_eq!(get_a(&service).await, "8");
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_off_or_too_large_is_not_kept() {
    let layer = CacheLayer::from_config(CacheConfig {
        max_body: 10,
        ..CacheConfig::default()
    })
    .unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let service = layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
        counter.fetch_add(1, Relaxed);
        let frames: Vec<Result<Bytes, std::io::Error>> = match request.uri().path() {
            "/broken" => vec![
                Ok(Bytes::from_static(b"abc")),
                Err(std::io::Error::other("broken")),
            ],
            _ => vec![
                Ok(Bytes::from_static(b"abcdef")),
                Ok(Bytes::from_static(b"abcdef")),
            ],
        };
        let body = Body::from_stream(futures_util::stream::iter(frames));
        let response = Response::builder()
            .header("cache-control", "max-age=60")
            .body(body);
        async move { Ok::<_, Infallible>(response.unwrap()) }
    }));
    for path in ["/broken", "/large", "/dropped"] {
        for _ in 0..2 {
            let request = Request::get(path).body(Full::default()).unwrap();
            let mut body = service.clone().oneshot(request).await.unwrap().into_body();
            if path == "/dropped" {
                body.frame().await.unwrap().unwrap();
            } else {
                let collected = body.collect().await;
                assert_eq!(collected.is_ok(), path == "/large");
            }
        }
    }
    assert_eq!(calls.load(Relaxed), 6);
    assert_eq!(layer.handle().snapshot().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn what_requests_say_counts_unless_told_otherwise() {
    for (heeds, calls) in [(true, 3), (false, 1)] {
        let origin = Origin::saying(&[("cache-control", "max-age=60")]);
        let layer = CacheLayer::from_config(CacheConfig {
            heed_requests: heeds,
            ..CacheConfig::default()
        })
        .unwrap();
        let service = origin.behind(&layer);
        get_a(&service).await;
        ask(&service, request(&[("cache-control", "no-cache")])).await;
        ask(&service, request(&[("pragma", "no-cache")])).await;
        assert_eq!(origin.calls(), calls);
    }
    let origin = Origin::saying(&[("cache-control", "max-age=60")]);
    let service = origin.behind(&CacheLayer::new());
    let only_kept = || request(&[("cache-control", "only-if-cached")]);
    assert_eq!(
        ask(&service, only_kept()).await.status(),
        StatusCode::GATEWAY_TIMEOUT
    );
    get_a(&service).await;
    assert_eq!(ask(&service, only_kept()).await.body(), "0");
    assert_eq!(origin.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn handle_and_key() {
    let origin = Origin::saying(&[("cache-control", "max-age=60")]);
    let layer = CacheLayer::new().key(|head| Some(head.uri.path().to_owned()));
    let (service, handle) = (origin.behind(&layer), layer.handle());
    get_a(&service).await;
    let mut other = request(&[]);
    *other.uri_mut() = "/a?session=7".parse().unwrap();
    assert_eq!(ask(&service, other).await.body(), "0");
    assert!(handle.invalidate(&Request::get("/a").body(()).unwrap()));
    assert!(!handle.invalidate(&Request::get("/a").body(()).unwrap()));
    assert_eq!(get_a(&service).await, "1");
    handle.clear();
    assert_eq!(handle.snapshot().entries, 0);
    handle
        .update(CacheConfig {
            enabled: false,
            ..handle.config()
        })
        .unwrap();
    get_a(&service).await;
    assert_eq!(get_a(&service).await, "3");
    let error = CacheLayer::from_config(CacheConfig {
        max_bytes: 8192,
        ..CacheConfig::default()
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("cache: `max_body`") && error.contains("2048"),
        "{error}"
    );
}

#[tokio::test]
async fn on_real_sockets_with_the_herd_behind_one() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let prices = get(move || async move {
        counter.fetch_add(1, Relaxed);
        tokio::task::yield_now().await;
        ([("cache-control", "max-age=60")], "1.99")
    });
    let stack = ServiceBuilder::new()
        .layer(CacheLayer::new())
        .layer(CoalesceLayer::new());
    let app = Router::new().route("/prices", prices).layer(stack);
    let address = support::serve(app).await;
    let client = support::client();
    let asked = (0..30).map(|_| client.request(support::get(address, "/prices")));
    for response in join_all(asked).await {
        assert_eq!(support::text(response.unwrap()).await, "1.99");
    }
    // Who came after the answer and before it was kept may have asked again.
    assert!((1..=3).contains(&calls.load(Relaxed)), "{calls:?}");
    let response = client
        .request(support::get(address, "/prices"))
        .await
        .unwrap();
    assert_eq!(response.headers()["age"], "0");
}
