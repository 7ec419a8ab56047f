//! Chaos that cannot do more harm than meant. What it can do is in `parity/chaos.rs`.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    chaos::{ChaosConfig, ChaosLayer, Fault, Secret, Token},
    circuit_breaker::{CircuitBreakerLayer, State},
    rejection::Rejection,
    retry::RetryLayer,
};
use tower_layer::Layer;

const SECRET: [u8; 32] = *b"an example, and not a secret one";

fn always(fault: Fault) -> ChaosConfig {
    ChaosConfig::new(1.0, fault)
}

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

/// What `layer` makes of a service that answers "fine".
async fn ask(layer: &ChaosLayer, request: Request<Body>) -> Response<impl http_body::Body> {
    let service = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"fine"))))
    });
    layer.layer(service).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn no_more_calls_suffer_at_once_than_may() {
    let config = ChaosConfig {
        max_active: 2,
        ..always(Fault::Truncate(1))
    };
    let layer = ChaosLayer::from_config(config).unwrap();
    let handle = layer.handle();
    // Two suffer for as long as their bodies are there; the third is spared.
    let suffering = [ask(&layer, request()).await, ask(&layer, request()).await];
    assert_eq!(handle.snapshot().active, 2);
    let spared = ask(&layer, request()).await;
    assert_eq!(
        spared.into_body().collect().await.ok().unwrap().to_bytes(),
        "fine"
    );
    assert_eq!(handle.snapshot().injected, 2);
    drop(suffering);
    assert_eq!(handle.snapshot().active, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_while_it_is_late_gives_its_place_back() {
    let hour = Duration::from_secs(3600);
    let layer = ChaosLayer::from_config(always(Fault::latency(hour..=hour))).unwrap();
    let call = ask(&layer, request());
    assert!(
        tokio::time::timeout(Duration::from_secs(1), call)
            .await
            .is_err()
    );
    assert_eq!(layer.handle().snapshot().active, 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_works_until_it_is_old_and_only_with_our_tag() {
    let secret = Secret::new(SECRET);
    let layer = ChaosLayer::default().on_request(secret.clone());
    let token = secret.sign(&Fault::Status(503), Duration::from_secs(60));
    let with = |value: &HeaderValue| {
        let mut request = request();
        request
            .headers_mut()
            .insert(Token::header_name(), value.clone());
        request
    };
    let status = async |value: &HeaderValue| ask(&layer, with(value)).await.status();
    assert_eq!(
        status(token.as_header_value()).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(ask(&layer, request()).await.status(), StatusCode::OK);

    let text = token.as_header_value().to_str().unwrap();
    let (terms, tag) = text.rsplit_once(";tag=").unwrap();
    let other = Secret::new([b'x'; 32]).sign(&Fault::Status(503), Duration::from_secs(60));
    let forged = [
        terms.to_owned(),
        format!("{terms};tag="),
        format!("{terms};tag=zz"),
        format!("{};tag={tag}", terms.replace("503", "500")),
        format!("{};tag={tag}", terms.replace("until=", "until=9")),
        other.as_header_value().to_str().unwrap().to_owned(),
    ];
    for value in forged {
        let value = HeaderValue::try_from(&value).unwrap();
        assert_eq!(status(&value).await, StatusCode::OK, "{value:?}");
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(status(token.as_header_value()).await, StatusCode::OK);
}

#[tokio::test]
async fn it_stops_by_itself_when_told_what_to_watch() {
    let burns = Arc::new(AtomicBool::new(false));
    let watched = burns.clone();
    let layer = ChaosLayer::from_config(always(Fault::Status(500)))
        .unwrap()
        .unless(move || watched.load(Relaxed));
    assert_eq!(ask(&layer, request()).await.status(), 500);
    burns.store(true, Relaxed);
    assert_eq!(ask(&layer, request()).await.status(), 200);
    assert_eq!(layer.handle().snapshot().injected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_and_a_retry_take_the_fault_for_what_it_plays() {
    let layer = ChaosLayer::from_config(always(Fault::Status(503))).unwrap();
    let breaker = CircuitBreakerLayer::new();
    let service = service_fn(|_: Request<_>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::default())
        .layer(breaker.clone())
        .layer(layer.clone())
        .service(service);
    for _ in 0..4 {
        let response = stack.clone().oneshot(request()).await.unwrap();
        assert!(Rejection::of(&response).is_some());
    }
    // Three attempts each, of which ten failures in a row open the breaker.
    assert_eq!(layer.handle().snapshot().injected, 10);
    assert_eq!(breaker.handle().snapshot().state, State::Open);
    // A 404 is nobody's failure.
    let played = ChaosLayer::from_config(always(Fault::Status(404))).unwrap();
    let breaker = CircuitBreakerLayer::new();
    for _ in 0..20 {
        let service = service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        });
        let stack = breaker.layer(played.layer(service));
        assert_eq!(stack.oneshot(request()).await.unwrap().status(), 404);
    }
    assert_eq!(breaker.handle().snapshot().state, State::Closed);
}

#[tokio::test]
async fn a_service_that_is_not_http_gets_an_error() {
    let layer = ChaosLayer::from_config(always(Fault::Error))
        .unwrap()
        .plain();
    let echo = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let error = layer.layer(echo).oneshot(7).await.unwrap_err();
    assert_eq!(error.to_string(), "chaos: a fault was injected on purpose");
}
