//! Panics in a handler, in its body, on one connection with other calls, and of plain services.

use std::{convert::Infallible, panic::panic_any, sync::Arc};

use axum::{Router, body::Body, routing};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::sync::Notify;
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    catch_panic::{CatchPanicConfig, CatchPanicLayer},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, State},
    observe::EventKind,
    rejection::{Kind, Rejection},
};
use tower_layer::Layer;

use crate::support::{get, serve};

#[tokio::test]
async fn other_calls_on_the_connection_go_on() {
    let answered = Arc::new(Notify::new());
    let waits = answered.clone();
    let slow = move || async move { waits.notified().await };
    let app = Router::new()
        .route("/bug", routing::get(bug))
        .route("/slow", routing::get(slow))
        .layer(CatchPanicLayer::new());
    let address = serve(app).await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Full<Bytes>>();
    // One connection, two calls at once: the handler's panic must not reset the other.
    let slow = tokio::spawn(client.request(get(address, "/slow")));
    let bug = client.request(get(address, "/bug")).await.unwrap();
    assert_eq!(bug.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let problem = bug.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["type"], "urn:tower-keep:rejection:panicked");
    assert_eq!(problem.get("executed"), None, "it may have had an effect");
    assert!(!problem.to_string().contains("secret"), "{problem}");
    answered.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
}

async fn bug() {
    if true {
        panic!("a secret");
    }
}

#[tokio::test]
async fn a_panic_in_the_body_is_its_error() {
    let layer = CatchPanicLayer::new();
    let service = layer.layer(service_fn(|_: Request<Body>| async {
        let frames = stream::iter([Bytes::from_static(b"half"), Bytes::new()]).map(|bytes| {
            if bytes.is_empty() {
                panic!("mid-stream");
            }
            Ok::<_, Infallible>(http_body::Frame::data(bytes))
        });
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    }));
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "half");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(Rejection::find(&*error).unwrap().kind(), &Kind::Panicked);
    assert!(body.frame().await.is_none(), "the error was the last");
    assert_eq!(layer.handle().snapshot().caught, 1);
}

#[tokio::test]
async fn the_message_goes_to_the_events_and_a_breaker_outside_counts_it() {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..CircuitBreakerConfig::default()
    };
    let breaker = CircuitBreakerLayer::from_config(config).unwrap();
    let layer = CatchPanicLayer::new().named("quotes").plain();
    let mut told = layer.handle().subscribe(8);
    let payloads: [fn(); 3] = [
        || panic!("a str"),
        || panic!("a {}", "string"),
        || panic_any(7),
    ];
    for payload in payloads {
        let panics = service_fn(move |(): ()| async move {
            payload();
            Ok::<(), BoxError>(())
        });
        let stack = breaker.clone().plain().layer(layer.layer(panics));
        let error = stack.oneshot(()).await.unwrap_err();
        assert_eq!(Rejection::find(&*error).unwrap().name(), "quotes");
    }
    let mut messages = Vec::new();
    while let Some(event) = told.try_next() {
        if let EventKind::PanicCaught { message } = &event.kind {
            messages.push(message.clone());
        }
    }
    assert_eq!(messages, ["a str", "a string", "a panic without a message"]);
    assert_eq!(breaker.handle().snapshot().state, State::Open);
}

#[tokio::test]
async fn switched_off_it_lets_the_panic_go_on() {
    let layer = CatchPanicLayer::new().plain();
    layer
        .handle()
        .update(CatchPanicConfig { enabled: false })
        .unwrap();
    let panics = service_fn(|(): ()| async {
        if true {
            panic!("on purpose");
        }
        Ok::<(), BoxError>(())
    });
    let call = tokio::spawn(layer.layer(panics).oneshot(()));
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(layer.handle().snapshot().caught, 0);
}
