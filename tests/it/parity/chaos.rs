//! Faults on purpose.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_keep::{
    chaos::{ChaosConfig, ChaosLayer, Fault, Secret, Token},
    observe::EventKind,
};
use tower_keep_test::body::ScriptedBody;
use tower_layer::Layer;

fn always(fault: Fault) -> ChaosLayer {
    ChaosLayer::from_config(ChaosConfig::new(1.0, fault)).unwrap()
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn trailers() -> http::HeaderMap {
    let status = ("grpc-status", "0");
    [status]
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .into_iter()
        .collect()
}

/// What is left of an answer of 10 and 10 bytes and trailers.
struct Left {
    status: StatusCode,
    data: Bytes,
    trailers: bool,
    failed: bool,
    took: Duration,
}

async fn left(layer: &ChaosLayer, request: Request<Body>) -> Left {
    let service = service_fn(|_: Request<Body>| async {
        let (body, script) = ScriptedBody::new();
        script.data("0123456789");
        script.data("0123456789");
        script.trailers(trailers());
        script.end();
        Ok::<_, Infallible>(Response::new(body))
    });
    let start = Instant::now();
    let response = layer.layer(service).oneshot(request).await.unwrap();
    let status = response.status();
    let mut body = pin!(response.into_body());
    let (mut data, mut trailers, mut failed) = (Vec::new(), false, false);
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(bytes)) => data.extend_from_slice(&bytes),
            Ok(Err(_)) => trailers = true,
            Err(_) => failed = true,
        }
    }
    Left {
        status,
        data: data.into(),
        trailers,
        failed,
        took: start.elapsed(),
    }
}

/// CH1: latency and errors at a rate.
/// `Fault::latency(..)` delays the start of the call, `Fault::Error` and `Fault::Status` take its place.
#[tokio::test(start_paused = true)]
async fn ch1() {
    let late = Duration::from_secs(1)..=Duration::from_secs(2);
    let slow = left(&always(Fault::latency(late.clone())), request("/")).await;
    assert!(late.contains(&slow.took), "{:?}", slow.took);
    assert_eq!(slow.status, StatusCode::OK);
    let config = ChaosConfig::new(0.25, Fault::Error);
    let seeded = ChaosConfig {
        seed: Some(1),
        ..config
    };
    let layer = ChaosLayer::from_config(seeded).unwrap();
    let mut failed = 0;
    for _ in 0..1000 {
        failed += u32::from(left(&layer, request("/")).await.status.is_server_error());
    }
    assert!((200..300).contains(&failed), "{failed}");
}

/// CH2: an outcome in place of the call, also where the service's error is `Infallible`.
/// `Fault::Status(429)`: a response on HTTP, the status that stands for it on gRPC, an `Err` elsewhere.
#[tokio::test(start_paused = true)]
async fn ch2() {
    let status = left(&always(Fault::Status(429)), request("/")).await.status;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let mut grpc = request("/");
    *grpc.version_mut() = http::Version::HTTP_2;
    grpc.headers_mut()
        .insert("content-type", "application/grpc".parse().unwrap());
    let service =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let layer = always(Fault::Status(503));
    let refused = layer.layer(service).oneshot(grpc).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "14");
}

/// CH3: behaviour of one's own in the way of the call.
/// No hook of its own: a service or `tower::util::MapRequestLayer` behind the layer does it; `only` and
/// `unless` take closures for when.
#[tokio::test(start_paused = true)]
async fn ch3() {
    let layer = always(Fault::Error).only(|head| head.uri.path() == "/odd");
    assert!(left(&layer, request("/odd")).await.status.is_server_error());
    assert!(left(&layer, request("/even")).await.status.is_success());
}

/// CH4: bodies that are slow, cut short or broken off.
/// `Fault::Drip`, `Truncate`, `Reset` and `MissingTrailers`.
#[tokio::test(start_paused = true)]
async fn ch4() {
    let cut = left(&always(Fault::Truncate(15)), request("/")).await;
    assert_eq!(
        (&*cut.data, cut.trailers, cut.failed),
        (&b"012345678901234"[..], false, false)
    );
    let broken = left(&always(Fault::Reset(5)), request("/")).await;
    assert_eq!((&*broken.data, broken.failed), (&b"01234"[..], true));
    let bare = left(&always(Fault::MissingTrailers), request("/")).await;
    assert_eq!(
        (bare.data.len(), bare.trailers, bare.failed),
        (20, false, false)
    );
    let slow = left(&always(Fault::Drip(10)), request("/")).await;
    assert_eq!(
        (slow.data.len(), slow.trailers, slow.failed),
        (20, true, false)
    );
    assert_eq!(slow.took.as_secs(), 2);
}

/// CH5: enabled and rated for each request, by tenant or environment.
/// `only(|head| ..)` spares all others; rate and faults change at run time through the handle.
#[tokio::test(start_paused = true)]
async fn ch5() {
    let layer = always(Fault::Status(500)).only(|head| {
        head.headers
            .get("x-tenant")
            .is_some_and(|tenant| tenant == "internal")
    });
    let mut internal = request("/");
    internal
        .headers_mut()
        .insert("x-tenant", "internal".parse().unwrap());
    assert_eq!(left(&layer, internal).await.status, 500);
    assert_eq!(left(&layer, request("/")).await.status, 200);
}

/// CH6: asked for in a request's header, with a cap.
/// `on_request(secret)`: the header `x-chaos` with a token that is signed and ends; `max_active` caps both
/// kinds. Nobody without the secret can ask.
#[tokio::test(start_paused = true)]
async fn ch6() {
    let secret = Secret::new([7; 32]);
    let config = ChaosConfig {
        max_active: 0,
        ..ChaosConfig::default()
    };
    let layer = ChaosLayer::from_config(config.clone())
        .unwrap()
        .on_request(secret.clone());
    let asked = || {
        let token = secret.sign(&Fault::Status(500), Duration::from_secs(1));
        let mut request = request("/");
        request
            .headers_mut()
            .insert(Token::header_name(), token.as_header_value().clone());
        request
    };
    assert_eq!(left(&layer, asked()).await.status, 200, "none may suffer");
    layer
        .handle()
        .update(ChaosConfig {
            max_active: 1,
            ..config
        })
        .unwrap();
    assert_eq!(left(&layer, asked()).await.status, 500);
}

/// CH7: repeatable by a seed, across every service the layer makes.
/// `seed`: one sequence for the layer, not one that starts anew on each connection.
#[tokio::test(start_paused = true)]
async fn ch7() {
    let hits = async || {
        let config = ChaosConfig {
            seed: Some(42),
            ..ChaosConfig::new(0.3, Fault::Error)
        };
        let layer = ChaosLayer::from_config(config).unwrap();
        let mut hits = Vec::new();
        for _ in 0..50 {
            // `left` makes a new service for each call.
            hits.push(
                left(&layer.clone(), request("/"))
                    .await
                    .status
                    .is_server_error(),
            );
        }
        hits
    };
    let first = hits().await;
    assert_eq!(first, hits().await);
    assert!(first.contains(&true) && first.contains(&false));
}

/// CH8: what is injected is told.
/// An event `fault_injected` and the metric `tower_keep_faults_injected_total`; answers say so in their
/// problem+json.
#[tokio::test(start_paused = true)]
async fn ch8() {
    let layer = always(Fault::Drip(1_000_000)).named("edge");
    let mut told = layer.handle().subscribe(4);
    left(&layer, request("/")).await;
    let event = told.try_next().unwrap();
    assert_eq!(event.to_string(), "chaos edge: fault injected: drip");
    assert!(matches!(
        event.kind,
        EventKind::FaultInjected { fault: "drip" }
    ));
}
