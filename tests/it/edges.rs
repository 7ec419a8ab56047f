//! The corners of HTTP and of numbers that a layer meets in the wild.

use std::{convert::Infallible, io, panic::AssertUnwindSafe, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, time::sleep};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    backoff::{Backoff, Jitter},
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::{Breaker, CircuitBreakerLayer, State},
    health::HealthLayer,
    rejection::{Kind, Phase, Rejection},
    timeout::{RequestBodyTimeoutLayer, TimeoutLayer},
};

use crate::{
    circuit_breaker::{after, layer, state},
    support::by_hand,
};

#[tokio::test]
async fn a_refused_head_request_is_answered_in_both_versions_of_http() {
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(0))
        .service_fn(|_: Request<hyper::body::Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (io, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(io), service).await;
            });
        }
    });
    for http2 in [false, true] {
        let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new())
            .http2_only(http2)
            .build_http();
        for _ in 0..2 {
            let request = Request::head(format!("http://{address}/")).body(Empty::new());
            let response = client.request(request.unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            let body = response.into_body().collect().await;
            assert_eq!(body.unwrap().to_bytes(), "", "over HTTP/2: {http2}");
        }
    }
}

#[tokio::test]
async fn a_protocol_is_upgraded_while_the_process_drains() {
    let health = HealthLayer::new("chat", "1.0.0");
    health.lifecycle().ready();
    health.lifecycle().stop();
    let upgrade = async || {
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .body(Body::empty())
            .unwrap()
    };
    let app: Router = Router::new().route("/", get(upgrade)).layer(health);
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["connection"], "upgrade");
}

#[tokio::test]
async fn the_status_of_a_grpc_answer_without_messages_is_in_its_trailers() {
    for (status, failures) in [("0", 0), ("13", 1)] {
        let layer = layer(crate::circuit_breaker::config());
        let handle = layer.handle();
        // Its size is exactly 0, and it has not ended.
        let answer = async move || {
            let trailers = HeaderMap::from_iter([(
                "grpc-status".parse().unwrap(),
                HeaderValue::from_static(status),
            )]);
            let trailers = async move { Some(Ok(trailers)) };
            Response::new(Body::new(Empty::<Bytes>::new().with_trailers(trailers)))
        };
        let app: Router = Router::new().route("/", get(answer)).layer(layer);
        let request = Request::get("/")
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .body(Body::empty());
        let response = app.oneshot(request.unwrap()).await.unwrap();
        let answer = response.into_body().collect().await.unwrap();
        assert_eq!(answer.trailers().unwrap()["grpc-status"], status);
        let now = handle.snapshot();
        assert_eq!((now.failures, now.calls), (failures, 1), "status {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_is_caught_outside_is_a_failure_too() {
    let breaker = layer(after(1));
    let handle = breaker.handle();
    let app: Router = Router::new()
        .route(
            "/",
            get(async || -> StatusCode { panic!("in the handler") }),
        )
        .layer(breaker);
    for reason in ["1 failure", "1 of 1 probe failed"] {
        let request = Request::get("/").body(Body::empty()).unwrap();
        // As a layer that answers panics with a 500 does: the future outlives the panic.
        let mut call = Box::pin(AssertUnwindSafe(app.clone().oneshot(request)).catch_unwind());
        assert!((&mut call).await.is_err());
        drop(call);
        assert_eq!(handle.snapshot().reason, reason);
        sleep(Duration::from_secs(30)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_send_too_slowly_do_not_open_a_breaker_outside() {
    let breaker = layer(after(1));
    let handle = breaker.handle();
    let read = async |body: Bytes| body.len().to_string();
    let app: Router = Router::new()
        .route("/", axum::routing::post(read))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(1)))
        .layer(breaker);
    let (_open, body) = by_hand();
    let request = Request::post("/").body(Body::new(body)).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    let kind = Rejection::of(&response).unwrap().kind();
    assert!(matches!(
        kind,
        Kind::DeadlineExceeded {
            phase: Phase::RequestBody,
            ..
        }
    ));
    assert_eq!(state(&handle), State::Closed);
}

#[tokio::test]
async fn a_refusal_is_found_in_an_io_error_and_no_breaker_counts_it() {
    let refusal = || {
        let breaker = Breaker::new();
        breaker.handle().force_open();
        breaker.try_acquire().unwrap_err()
    };
    // As an `AsyncRead` over a body that we cut off gives it.
    let error: BoxError = io::Error::other(refusal()).into();
    assert!(Rejection::find(&*error).is_some());
    let error: BoxError = io::Error::other(io::Error::other(refusal())).into();
    assert!(Rejection::find(&*error).is_some());

    let breaker = Breaker::from_config(after(1)).unwrap();
    let outcome = breaker.call(async { Err::<(), BoxError>(io::Error::other(refusal()).into()) });
    assert!(outcome.await.is_err());
    assert_eq!(state(&breaker.handle()), State::Closed);
}

#[test]
fn no_number_in_a_backoff_makes_it_panic() {
    for factor in [f64::NAN, f64::INFINITY, -2.0, 0.0, 1e300] {
        for base in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for max in [Duration::ZERO, Duration::from_secs(5), Duration::MAX] {
                for jitter in [Jitter::None, Jitter::Full, Jitter::Equal] {
                    let backoff = Backoff {
                        base,
                        factor,
                        max,
                        jitter,
                    };
                    for n in [0, 1, 2, 3, u32::MAX] {
                        for chance in [0.0, 0.5, 1.0, f64::NAN] {
                            assert!(backoff.delay(n, chance) <= max, "{backoff:?}");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_durations_there_are_make_nothing_panic() {
    use tower_keep::{context::Deadline, timeout::RequestTimeout};

    let app: Router = Router::new()
        .route("/", get(async || sleep(Duration::from_secs(1)).await))
        .layer(TimeoutLayer::default());
    let ages = tokio::time::Instant::now() + Duration::from_secs(60 * 60 * 24 * 365 * 200);
    for deadline in [Deadline::after(Duration::MAX), Deadline::at(ages)] {
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        request.extensions_mut().insert(deadline);
        request
            .extensions_mut()
            .insert(RequestTimeout::after(Duration::MAX));
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    for value in ["99999999H", "99999999m", "99999999S"] {
        let request = Request::get("/")
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("grpc-timeout", value)
            .header("x-request-timeout", "99999999m");
        let response = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await;
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    // A frame may take as long as it likes.
    let (frames, body) = by_hand();
    let read = async |body: Bytes| body.len().to_string();
    let app: Router =
        Router::new()
            .route("/", axum::routing::post(read))
            .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(
                31_536_000,
            )));
    let send = async {
        sleep(Duration::from_secs(1)).await;
        frames.send(Bytes::from_static(b"late")).unwrap();
        drop(frames);
    };
    let request = Request::post("/").body(Body::new(body)).unwrap();
    let (response, ()) = tokio::join!(app.oneshot(request), send);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_breaker_that_refused_does_not_break_a_buffer_outside() {
    let layer = CircuitBreakerLayer::new();
    let handle = layer.handle();
    let service = ServiceBuilder::new()
        .buffer(8)
        .layer(layer.plain())
        .service(service_fn(|n: u64| async move { Ok::<_, BoxError>(n) }));
    handle.force_open();
    let error = service.clone().oneshot(1).await.unwrap_err();
    assert!(Rejection::find(&*error).is_some());
    handle.auto();
    assert_eq!(service.clone().oneshot(2).await.unwrap(), 2);
    assert_eq!(service.oneshot(3).await.unwrap(), 3);
}

#[tokio::test]
async fn a_task_that_makes_many_calls_at_once_is_refused_by_nothing_but_the_limit() {
    // Tokio makes a task that has done much wait for its turn; that is no reason to refuse.
    let service = ServiceBuilder::new()
        .layer(BulkheadLayer::new(1000).plain())
        .buffer(1000)
        .service(service_fn(|n: u64| async move { Ok::<_, BoxError>(n) }));
    let calls = (0..400).map(|n| service.clone().oneshot(n));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_when_told_to_is_not_refused_for_a_fraction_of_a_millisecond() {
    let config = BulkheadConfig {
        max_wait: Duration::from_micros(1_200_300),
        ..BulkheadConfig::new(0)
    };
    let layer = BulkheadLayer::from_config(config).unwrap();
    let app: Router = Router::new().route("/", get(async || "never")).layer(layer);
    let ask = async |request: http::request::Builder| {
        let request = request.body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    let answer = ask(Request::get("/")).await;
    assert_eq!(answer.headers()["retry-after"], "2");
    let problem = answer.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["retry_after_ms"], 1201);
    let grpc = Request::get("/").version(Version::HTTP_2);
    let answer = ask(grpc.header("content-type", "application/grpc")).await;
    assert_eq!(answer.headers()["grpc-retry-pushback-ms"], "1201");
}
