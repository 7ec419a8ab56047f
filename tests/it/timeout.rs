//! The timeout from outside.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer, service_fn};
use tower_keep::{
    BoxError,
    context::{Deadline, deadline},
    observe::Event,
    protocol::CarriesRejection,
    rejection::{Kind, Phase, Rejection},
    timeout::{HeaderTrust, QueueInCallLayer, RequestTimeout, Role, TimeoutConfig, TimeoutLayer},
};

use crate::support::QuoteError;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn layer(config: TimeoutConfig) -> TimeoutLayer {
    TimeoutLayer::from_config(config).unwrap()
}

fn role(role: Role) -> TimeoutLayer {
    layer(TimeoutConfig {
        timeout: Some(S),
        role,
        ..TimeoutConfig::api()
    })
}

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

fn grpc() -> Request<Body> {
    Request::builder()
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .body(Body::empty())
        .unwrap()
}

fn hanging() -> Router {
    Router::new().route("/", get(pending::<()>))
}

/// How a call was refused.
fn refusal<B>(response: &Response<B>) -> &Kind {
    Rejection::of(response).expect("a refusal").kind()
}

fn exceeded(phase: Phase, after: Duration) -> Kind {
    Kind::DeadlineExceeded { phase, after }
}

#[tokio::test(start_paused = true)]
async fn the_role_decides_the_status_of_a_head_that_does_not_come() {
    for (who, status) in [
        (Role::Server, 503),
        (Role::Gateway, 504),
        (Role::Client, 504),
    ] {
        let app = hanging().layer(role(who));
        let start = Instant::now();
        let response = app.clone().oneshot(request()).await.unwrap();
        assert_eq!(start.elapsed(), S);
        assert_eq!(response.status(), status, "{who:?}");
        assert_eq!(*refusal(&response), exceeded(Phase::Head, S));
        assert!(!Rejection::of(&response).unwrap().is_unexecuted());

        let response = app.oneshot(grpc()).await.unwrap();
        assert_eq!(response.status(), 200, "{who:?}");
        assert_eq!(response.headers()["grpc-status"], "4", "DEADLINE_EXCEEDED");
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_is_too_late_is_refused_before_it_runs() {
    let app = || Router::new().route("/", get(async || -> () { panic!("the handler ran") }));
    let late = |name: &str, value: &str| {
        let mut request = grpc();
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let server = role(Role::Server);
    let app = app().layer(server.clone());
    let response = app.clone().oneshot(late("x-request-timeout", "0")).await;
    assert_eq!(*refusal(&response.unwrap()), Kind::DeadlineExpired);
    let response = app
        .clone()
        .oneshot(late("grpc-timeout", "0n"))
        .await
        .unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");

    let mut past = request();
    past.extensions_mut().insert(Deadline::after(MS));
    sleep(MS).await;
    let response = app.clone().oneshot(past).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(Rejection::of(&response).unwrap().is_unexecuted());

    let task = Deadline::after(Duration::ZERO);
    let response = task.scope(app.oneshot(request())).await.unwrap();
    assert_eq!(*refusal(&response), Kind::DeadlineExpired);
    assert_eq!(server.handle().snapshot().expired_on_arrival, 4);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_all_deadlines_counts() {
    // What the request says, and how long it then takes.
    type Edit = fn(&mut Request<Body>);
    let header: Edit = |request| {
        let headers = request.headers_mut();
        headers.insert("x-request-timeout", "300ms".parse().unwrap());
    };
    let longer: Edit = |request| {
        let headers = request.headers_mut();
        headers.insert("x-request-timeout", "1m".parse().unwrap());
    };
    let malformed: Edit = |request| {
        let headers = request.headers_mut();
        headers.insert("x-request-timeout", "soon".parse().unwrap());
    };
    let extension: Edit = |request| {
        request.extensions_mut().insert(Deadline::after(200 * MS));
    };
    let own: Edit = |request| {
        request
            .extensions_mut()
            .insert(RequestTimeout::after(9 * S));
    };
    let own_and_header: Edit = |request| {
        request.extensions_mut().insert(RequestTimeout::never());
        let headers = request.headers_mut();
        headers.insert("x-request-timeout", "7s".parse().unwrap());
    };
    let path: Edit = |request| *request.uri_mut() = "/?slow".parse().unwrap();
    let table = [
        ("header", header, 300 * MS, S),
        ("longer header", longer, S, S),
        ("malformed header", malformed, S, S),
        ("Deadline", extension, 200 * MS, 200 * MS),
        ("RequestTimeout", own, 9 * S, 9 * S),
        ("by the head", path, 4 * S, 4 * S),
        ("none of its own", own_and_header, 7 * S, 60 * S),
    ];
    for (what, edit, trusting, careful) in table {
        for (trust, time) in [(None, trusting), (Some(HeaderTrust::None), careful)] {
            let config = TimeoutConfig {
                timeout: Some(S),
                trust_headers: trust,
                ..TimeoutConfig::api()
            };
            let layer = TimeoutLayer::from_config(config).unwrap();
            let layer = layer.timeout_for(|head| {
                let slow = head.uri.query() == Some("slow");
                slow.then_some(RequestTimeout::after(4 * S))
            });
            let mut request = request();
            edit(&mut request);
            let start = Instant::now();
            let call = hanging().layer(layer).oneshot(request);
            let answer = tokio::time::timeout(60 * S, call).await;
            assert_eq!(start.elapsed(), time, "{what}, {trust:?}");
            assert_eq!(answer.is_ok(), time < 60 * S, "{what}, {trust:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_shorter_of_nested_deadlines_wins_in_either_order() {
    for (outer, inner) in [(5 * S, S), (S, 5 * S)] {
        let service = ServiceBuilder::new()
            .layer(TimeoutLayer::new(outer).plain())
            .layer(TimeoutLayer::new(inner).plain())
            .service(service_fn(|(): ()| async {
                let left = deadline().map(Deadline::remaining);
                assert_eq!(left, Some(S), "visible inside");
                pending::<Result<(), BoxError>>().await
            }));
        let start = Instant::now();
        let error = service.oneshot(()).await.unwrap_err();
        assert_eq!(start.elapsed(), S);
        let rejection = CarriesRejection::rejection(&error).unwrap();
        assert_eq!(*rejection.kind(), exceeded(Phase::Head, S));
    }
    assert_eq!(deadline(), None);
}

/// E3: six callers, one place, 90 ms of work, 100 ms of time.
#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_queue() {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(100 * MS).plain())
        .layer(QueueInCallLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .service(service_fn(async |n: u32| {
            sleep(90 * MS).await;
            Ok::<_, BoxError>(n)
        }));
    let start = Instant::now();
    let calls = (0..6).map(|n| {
        let call = service.clone().oneshot(n);
        async move { (call.await.is_ok(), start.elapsed()) }
    });
    let mut answers = join_all(calls).await;
    assert_eq!(answers.remove(0), (true, 90 * MS));
    assert_eq!(answers, [(false, 100 * MS); 5]);

    // An axum router waits in the call by itself.
    let app = Router::new()
        .route("/", get(async || sleep(90 * MS).await))
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .layer(TimeoutLayer::new(100 * MS));
    let calls = (0..6).map(|_| app.clone().oneshot(request()));
    let statuses = join_all(calls).await;
    let ok = statuses
        .iter()
        .filter(|answer| answer.as_ref().unwrap().status() == 200);
    assert_eq!(ok.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_an_inbound_deadline_goes_upstream_with_no_code_in_the_handler() {
    let seen = Arc::new(Mutex::new(HeaderMap::new()));
    let upstream = service_fn({
        let seen = seen.clone();
        move |request: Request<Body>| {
            *seen.lock().unwrap() = request.headers().clone();
            async { Ok::<_, Infallible>(Response::new(Body::empty())) }
        }
    });
    let client = ServiceBuilder::new()
        .layer(layer(TimeoutConfig::attempt(5 * S)))
        .service(upstream);
    let handler = move |asked: Request<Body>| async move {
        sleep(300 * MS).await;
        let (mut outbound, inbound) = (request(), asked.into_parts().0);
        if inbound.headers.contains_key("content-type") {
            outbound = grpc();
        }
        client.oneshot(outbound).await.unwrap();
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(TimeoutLayer::default());

    let mut inbound = request();
    inbound
        .headers_mut()
        .insert("x-request-timeout", "800".parse().unwrap());
    app.clone().oneshot(inbound).await.unwrap();
    assert_eq!(seen.lock().unwrap()["x-request-timeout"], "500ms");

    let mut inbound = grpc();
    inbound
        .headers_mut()
        .insert("grpc-timeout", "800m".parse().unwrap());
    *inbound.method_mut() = http::Method::GET;
    app.oneshot(inbound).await.unwrap();
    assert_eq!(seen.lock().unwrap()["grpc-timeout"], "500000u");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_when_the_time_is_up_is_delivered() {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(S).plain())
        .service(service_fn(async |(): ()| {
            sleep(S).await;
            Ok::<_, BoxError>("just in time")
        }));
    assert_eq!(service.oneshot(()).await.unwrap(), "just in time");
}

#[test]
fn a_call_that_is_answered_at_once_needs_no_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let plain = TimeoutLayer::new(S).plain();
        let plain = ServiceBuilder::new()
            .layer(plain)
            .service(service_fn(async |n: u32| Ok::<_, BoxError>(n)));
        assert_eq!(plain.oneshot(7).await.unwrap(), 7);
        let http = Router::new().route("/", get(async || "now"));
        let response = http
            .layer(TimeoutLayer::new(S))
            .oneshot(request())
            .await
            .unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, "now");
    });
}

#[tokio::test(start_paused = true)]
async fn a_service_with_its_own_errors_keeps_them() {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(S).named("quotes").plain())
        .service(service_fn(|(): ()| pending::<Result<(), QuoteError>>()));
    let error = service.oneshot(()).await.unwrap_err();
    let rejection = error.rejection().unwrap();
    assert_eq!(
        rejection.to_string(),
        "timeout `quotes`: no response within 1s"
    );
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_drops_the_call() {
    let alive = Arc::new(());
    let service = service_fn({
        let alive = Arc::downgrade(&alive);
        move |(): ()| {
            let held = alive.upgrade();
            async move {
                pending::<()>().await;
                drop(held);
                Ok::<_, BoxError>(())
            }
        }
    });
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(S).plain())
        .service(service);
    let call = tokio::spawn(service.clone().oneshot(()));
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&alive), 2);
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&alive), 1);
    // At the deadline it is dropped before the answer is given.
    let mut call = std::pin::pin!(service.oneshot(()));
    assert!(call.as_mut().await.is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_timeout_holds_from_the_next_call_on() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = events.clone();
    let layer = TimeoutLayer::new(5 * S)
        .observe(move |event: &Event| told.lock().unwrap().push(event.kind.as_str()));
    let handle = layer.handle();
    let app = hanging().layer(layer);
    let running = tokio::spawn(app.clone().oneshot(request()));
    tokio::task::yield_now().await;
    handle.update(TimeoutConfig::attempt(S)).unwrap();
    assert!(
        handle
            .update(TimeoutConfig::attempt(Duration::ZERO))
            .is_err()
    );

    let start = Instant::now();
    let response = app.oneshot(request()).await.unwrap();
    assert_eq!(
        (start.elapsed(), response.status()),
        (S, StatusCode::GATEWAY_TIMEOUT)
    );
    running.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), 5 * S);
    assert_eq!(handle.snapshot().exceeded_head, 2);
    let told = events.lock().unwrap();
    assert_eq!(*told, ["config_updated", "call_rejected", "call_rejected"]);
}
