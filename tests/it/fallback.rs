//! Answers where the service has none, from outside.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    fallback::{Cause, Causes, FallbackAnswer, FallbackConfig, FallbackLayer},
    observe::{Event, EventKind},
    rejection::Rejection,
    replay::ReplayBody,
    timeout::TimeoutLayer,
};
use tower_layer::Layer;

/// Answers with this status and says which call it was, with these headers.
#[derive(Clone, Default)]
pub(crate) struct Backend {
    pub(crate) status: Arc<AtomicU16>,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) headers: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
}

impl Backend {
    pub(crate) fn service<B: Send + 'static>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
    + Clone
    + use<B> {
        let this = self.clone();
        service_fn(move |_: Request<B>| {
            let call = this.calls.fetch_add(1, Relaxed) + 1;
            let status = this.status.load(Relaxed).max(200);
            let mut response = Response::new(Full::from(format!("answer {call}")));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in this.headers.lock().unwrap().iter() {
                let name = HeaderName::from_static(name);
                response.headers_mut().append(name, value.parse().unwrap());
            }
            async move { Ok(response) }
        })
    }
}

pub(crate) fn get(path: &str) -> Request<String> {
    Request::get(path).body(String::new()).unwrap()
}

pub(crate) async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Data = Bytes, Error = BoxError>,
{
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_cause_and_the_answer_says_so() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let seen = seen.clone();
        move |event: &Event| {
            if let EventKind::FallbackAnswered { cause } = event.kind {
                seen.lock().unwrap().push(cause);
            }
        }
    };
    let breaker = CircuitBreakerLayer::new();
    breaker.handle().force_open();
    let config = FallbackConfig {
        header: true,
        ..FallbackConfig::default()
    };
    let fallback = FallbackLayer::from_config(config)
        .unwrap()
        .observe(observer)
        .when(Cause::Open, |_| Response::new("open"))
        .when(Cause::Full, |_| Response::new("full"))
        .when(Causes::ANY, |failed| {
            Response::new(format!("{:?} {:?}", failed.cause, failed.status))
        });
    let handle = fallback.handle();
    let backend = Backend::default();

    let open = fallback.layer(breaker.layer(backend.service()));
    let full = fallback.layer(BulkheadLayer::new(0).layer(backend.service()));
    let answer = open.oneshot(get("/")).await.unwrap();
    assert_eq!(answer.headers()["x-fallback"], "circuit_open");
    let mark: FallbackAnswer = *answer.extensions().get().unwrap();
    assert_eq!((mark.cause, mark.is_stale), (Cause::Open, false));
    assert!(Rejection::of(&answer).is_some(), "it is still a refusal");
    assert_eq!(text(answer).await, "open");
    assert_eq!(text(full.oneshot(get("/")).await.unwrap()).await, "full");

    backend.status.store(502, Relaxed);
    let failed = fallback.layer(backend.service()).oneshot(get("/")).await;
    assert_eq!(text(failed.unwrap()).await, "Failed Some(502)");
    let hangs = service_fn(|_: Request<String>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let timeout = TimeoutLayer::new(Duration::from_secs(1));
    let late = fallback.layer(timeout.layer(hangs)).oneshot(get("/")).await;
    assert_eq!(text(late.unwrap()).await, "TimedOut Some(503)");
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "circuit_open",
            "bulkhead_full",
            "failure",
            "deadline_exceeded"
        ]
    );
    assert_eq!(handle.snapshot().answered, 4);
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_and_a_callers_mistake_pass() {
    let backend = Backend::default();
    let layer = FallbackLayer::new().when(Causes::ANY, |_| Response::new("fallback"));
    for status in [200, 301, 404, 409, 501] {
        backend.status.store(status, Relaxed);
        let answer = layer.layer(backend.service()).oneshot(get("/")).await;
        assert_eq!(answer.unwrap().status(), status);
    }
    assert_eq!(layer.handle().snapshot().answered, 0);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_is_given_again_with_its_age() {
    let backend = Backend::default();
    *backend.headers.lock().unwrap() = vec![("cache-control", "max-age=10")];
    let layer = FallbackLayer::new()
        .when_stale(Causes::ANY)
        .when(Causes::ANY, |_| Response::new("nothing"));
    let handle = layer.handle();
    let mut service = layer.layer(backend.service::<String>());
    let good = service.call(get("/a?x=1")).await.unwrap();
    assert!(good.headers().get(header::AGE).is_none());
    assert_eq!(text(good).await, "answer 1");
    assert_eq!(handle.snapshot().kept_answers, 1);

    backend.status.store(503, Relaxed);
    tokio::time::advance(Duration::from_secs(42)).await;
    let stale = service.call(get("/a?x=1")).await.unwrap();
    assert_eq!(
        (stale.status(), &stale.headers()[header::AGE]),
        (StatusCode::OK, &42.into())
    );
    assert_eq!(
        stale.headers()["cache-status"],
        "tower-keep; hit; ttl=-32; detail=stale-if-error"
    );
    assert!(stale.extensions().get::<FallbackAnswer>().unwrap().is_stale);
    assert_eq!(text(stale).await, "answer 1");
    for request in [
        get("/a?x=2"),
        Request::head("/a?x=1").body(String::new()).unwrap(),
        Request::post("/a?x=1").body(String::new()).unwrap(),
    ] {
        let other = service.call(request).await.unwrap();
        assert!(!other.extensions().get::<FallbackAnswer>().unwrap().is_stale);
    }
    tokio::time::advance(Duration::from_secs(3600)).await;
    let old = service.call(get("/a?x=1")).await.unwrap();
    assert_eq!(text(old).await, "nothing");
    assert_eq!(handle.snapshot().kept_answers, 0, "too old to be of use");
}

#[tokio::test(start_paused = true)]
async fn what_breaks_off_or_is_not_for_others_is_not_kept() {
    let backend = Backend::default();
    let layer = FallbackLayer::new().when_stale(Causes::ANY);
    let handle = layer.handle();
    let mut service = layer.layer(backend.service::<String>());
    drop(service.call(get("/dropped")).await.unwrap());
    for headers in [
        ("cache-control", "no-store"),
        ("cache-control", "private"),
        ("set-cookie", "a=b"),
        ("vary", "cookie"),
    ] {
        *backend.headers.lock().unwrap() = vec![headers];
        text(service.call(get("/")).await.unwrap()).await;
    }
    *backend.headers.lock().unwrap() = Vec::new();
    let mut secret = get("/");
    secret
        .headers_mut()
        .insert("authorization", "me".parse().unwrap());
    text(service.call(secret).await.unwrap()).await;
    assert_eq!(handle.snapshot().kept_answers, 0);
    text(service.call(get("/")).await.unwrap()).await;
    assert_eq!(handle.snapshot().kept_answers, 1);
    handle.forget();
    assert_eq!(handle.snapshot().kept_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn headers_that_are_kept_tell_answers_apart() {
    let backend = Backend::default();
    *backend.headers.lock().unwrap() = vec![("vary", "accept-language")];
    let layer = FallbackLayer::new()
        .when_stale(Causes::ANY)
        .keep_headers([header::ACCEPT_LANGUAGE]);
    let mut service = layer.layer(backend.service::<String>());
    let ask = |language: &'static str| {
        let mut request = get("/");
        let language = language.parse().unwrap();
        request.headers_mut().insert("accept-language", language);
        request
    };
    for language in ["de", "en"] {
        text(service.call(ask(language)).await.unwrap()).await;
    }
    backend.status.store(503, Relaxed);
    for (language, body) in [("en", "answer 2"), ("de", "answer 1")] {
        assert_eq!(text(service.call(ask(language)).await.unwrap()).await, body);
    }
    assert_eq!(service.call(ask("fr")).await.unwrap().status(), 503);
}

#[tokio::test(start_paused = true)]
async fn another_service_is_asked_if_that_is_safe_and_its_failure_goes_on_down_the_rules() {
    let (main, backup) = (Backend::default(), Backend::default());
    main.status.store(500, Relaxed);
    let layer = FallbackLayer::new()
        .when_service(Causes::ANY, backup.service::<ReplayBody<String>>())
        .when(Causes::ANY, |_| Response::new("nothing"));
    let mut service = layer.layer(main.service());
    let answer = service.call(get("/")).await.unwrap();
    assert!(answer.extensions().get::<FallbackAnswer>().is_some());
    assert_eq!(text(answer).await, "answer 1");
    let write = || {
        let write = Request::builder().method(Method::POST).uri("/");
        write.body("an order".to_owned()).unwrap()
    };
    assert_eq!(text(service.call(write()).await.unwrap()).await, "nothing");
    assert_eq!(backup.calls.load(Relaxed), 1);
    // A refusal is certain not to have done anything.
    let places = BulkheadLayer::new(10);
    let spare = places.layer(backup.service::<ReplayBody<String>>());
    let layer_of_two = FallbackLayer::new().when_service(Causes::ANY, spare);
    let refused = layer_of_two.layer(BulkheadLayer::new(0).layer(main.service()));
    assert_eq!(
        text(refused.oneshot(write()).await.unwrap()).await,
        "answer 2"
    );
    backup.status.store(500, Relaxed);
    assert_eq!(text(service.call(get("/")).await.unwrap()).await, "nothing");
}

#[tokio::test(start_paused = true)]
async fn a_grpc_caller_gets_a_status_and_no_page() {
    let layer = FallbackLayer::new().when(Causes::ANY, |_| Response::new("a page"));
    let refused = || BulkheadLayer::new(0).layer(Backend::default().service::<String>());
    let mut request = get("/x.Y/Z");
    *request.version_mut() = http::Version::HTTP_2;
    let grpc = "application/grpc".parse().unwrap();
    request.headers_mut().insert(header::CONTENT_TYPE, grpc);
    let answer = layer
        .layer(refused())
        .oneshot(request.clone())
        .await
        .unwrap();
    assert_eq!(answer.headers()["grpc-status"], "8");
    let layer = FallbackLayer::new().grpc().when(Causes::ANY, |_| {
        let status = Response::builder().header("content-type", "application/grpc");
        status.header("grpc-status", "0").body("").unwrap()
    });
    let inside = BulkheadLayer::new(0)
        .grpc()
        .layer(Backend::default().service::<String>());
    let answer = layer.layer(inside).oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "0");
}

#[tokio::test(start_paused = true)]
async fn it_is_switched_off_and_on() {
    let backend = Backend::default();
    backend.status.store(500, Relaxed);
    let layer = FallbackLayer::new().when(Causes::ANY, |_| Response::new("fallback"));
    let handle = layer.handle();
    let mut service = layer.layer(backend.service::<String>());
    for (enabled, status) in [(false, 500), (true, 200)] {
        let config = FallbackConfig {
            enabled,
            ..handle.config()
        };
        handle.update(config).unwrap();
        assert_eq!(service.call(get("/")).await.unwrap().status(), status);
    }
    let wrong = FallbackConfig {
        max_bytes: 1,
        ..handle.config()
    };
    assert_eq!(
        handle.update(wrong).unwrap_err().field(),
        "max_answer_bytes"
    );
}
