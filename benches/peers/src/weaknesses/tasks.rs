//! Work that panics, work that goes on, faults on purpose, checks.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Router, body::Body, routing::get};
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_keep::{
    chaos::{ChaosConfig, ChaosLayer, Fault},
    detach::DetachLayer,
    health::HealthLayer,
    timeout::TimeoutLayer,
};
use tower_resilience_executor::ExecutorLayer;
use tower_resilience_healthcheck::{HealthCheckWrapper, HealthStatus};
use tower_resilience_timelimiter::TimeLimiterLayer;

use crate::{
    case::{Case, Outcome, situation},
    support::{ms, request},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w27_panic::case(),
        w27_body::case(),
        w32_check_panics::case(),
        w34_panic::case(),
        w34_goes_on::case(),
        w35_axum::case(),
    ]
}

type Answer = Response<Body>;

fn post() -> Request<Body> {
    let mut request = request();
    *request.method_mut() = Method::POST;
    request
}

async fn panics(_: Request<Body>) -> Result<Answer, Infallible> {
    panic!("a bug in the handler");
}

/// What the caller of a service that panics hears.
async fn heard<S, B>(service: S) -> Outcome
where
    S: Service<Request<Body>, Response = Response<B>, Future: Send + 'static> + Send + 'static,
    S::Error: std::fmt::Debug + Send,
    B: Send + 'static,
{
    let saw = match tokio::spawn(service.oneshot(post())).await {
        Ok(Ok(answer)) => answer.status().to_string(),
        Ok(Err(error)) => format!("{error:?}"),
        Err(error) if error.is_panic() => return Outcome::new(true, "the panic"),
        Err(_) => "nothing".to_owned(),
    };
    Outcome::new(false, saw)
}

async fn their_timed_panic() -> Outcome {
    let layer = TimeLimiterLayer::builder()
        .timeout_duration(ms(10_000))
        .cancel_running_future(false)
        .build();
    heard(layer.layer(service_fn(panics))).await
}

async fn our_panic() -> Outcome {
    let detached = DetachLayer::new(10).layer(service_fn(panics));
    heard(TimeoutLayer::new(ms(10_000)).layer(detached)).await
}

situation! {
    w27_panic: "W27", "work that goes on after its 10 s panics at once: what the caller hears";
    peer "tower-resilience-timelimiter" => paused (their_timed_panic);
    ours => paused (our_panic);
}

/// The head comes at once, the body never ends.
fn endless()
-> impl Service<Request<Body>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send + Sync
{
    service_fn(|_: Request<Body>| {
        let body = stream::pending::<Result<bytes::Bytes, Infallible>>();
        ready(Ok(Response::new(Body::from_stream(body))))
    })
}

async fn cut_off<S, B>(service: S) -> Outcome
where
    S: Service<Request<Body>, Response = Response<B>, Error: std::fmt::Debug>,
    B: http_body::Body,
{
    let start = Instant::now();
    let answer = service
        .oneshot(request())
        .await
        .expect("the head comes at once");
    let ended = timeout(ms(60_000), answer.into_body().collect())
        .await
        .is_ok();
    let saw = if ended {
        format!("ended after {:?}", start.elapsed())
    } else {
        "never ends".into()
    };
    Outcome::new(ended, saw)
}

situation! {
    w27_body: "W27b", "a timeout of one second; the body never ends";
    peer "tower-resilience-timelimiter" => paused (|| cut_off(
        TimeLimiterLayer::builder().timeout_duration(ms(1_000)).build().layer(endless())
    ));
    peer "tower" => paused (|| cut_off(
        tower::timeout::TimeoutLayer::new(ms(1_000)).layer(endless())
    ));
    peer "tower-http" => paused (|| cut_off(
        tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ms(1_000))
            .layer(endless())
    ));
    ours => paused (|| cut_off(TimeoutLayer::new(ms(1_000)).layer(endless())));
}

async fn their_check() -> Outcome {
    let breaks = Arc::new(AtomicBool::new(false));
    let broken = breaks.clone();
    let check = move |_: &&str| {
        let broken = broken.load(Relaxed);
        async move {
            assert!(!broken, "a bug in the check");
            HealthStatus::Healthy
        }
    };
    let wrapper = HealthCheckWrapper::builder()
        .with_context("database", "database")
        .with_checker(check)
        .with_interval(ms(1_000))
        .build();
    wrapper.start().await;
    sleep(ms(10_000)).await;
    breaks.store(true, Relaxed);
    sleep(ms(10_000)).await;
    let status = wrapper.get_status("database").await;
    Outcome::new(status != Some(HealthStatus::Healthy), format!("{status:?}"))
}

async fn our_check() -> Outcome {
    let breaks = Arc::new(AtomicBool::new(false));
    let broken = breaks.clone();
    let health = HealthLayer::new("orders", "1.0.0").critical("database", move || {
        let broken = broken.load(Relaxed);
        async move {
            assert!(!broken, "a bug in the check");
            Ok::<_, BoxError>(())
        }
    });
    health.lifecycle().ready();
    sleep(ms(10_000)).await;
    let before = health.handle().snapshot().is_ready();
    breaks.store(true, Relaxed);
    sleep(ms(40_000)).await;
    let after = health.handle().snapshot().is_ready();
    Outcome::new(before && !after, if after { "ready" } else { "not ready" })
}

situation! {
    w32_check_panics: "W32", "a health check passes, and from then on panics";
    peer "tower-resilience-healthcheck" => paused (their_check);
    ours => paused (our_check);
}

async fn their_executed_panic() -> Outcome {
    heard(ExecutorLayer::current().layer(service_fn(panics))).await
}

async fn our_detached_panic() -> Outcome {
    heard(DetachLayer::new(10).layer(service_fn(panics))).await
}

situation! {
    w34_panic: "W34", "work in a task of its own panics: what the caller hears";
    peer "tower-resilience-executor" => paused (their_executed_panic);
    ours => paused (our_detached_panic);
}

/// A hundred callers give up; how much of their work goes on.
async fn goes_on<S, L>(layer: L) -> Outcome
where
    L: FnOnce(Work) -> S,
    S: Service<Request<Body>, Future: Send + 'static> + Clone,
{
    let finished = Arc::new(AtomicUsize::new(0));
    let done = finished.clone();
    let service = layer(Work::new(service_fn(move |_| {
        let done = done.clone();
        async move {
            sleep(ms(60_000)).await;
            done.fetch_add(1, Relaxed);
            Ok(Response::new(Body::empty()))
        }
    })));
    for _ in 0..100 {
        timeout(ms(1), service.clone().oneshot(post())).await.ok();
    }
    sleep(ms(120_000)).await;
    let finished = finished.load(Relaxed);
    Outcome::new(finished <= 10, format!("{finished} of 100 went on"))
}

type Work = tower::util::BoxCloneSyncService<Request<Body>, Answer, Infallible>;

situation! {
    w34_goes_on: "W34b", "a hundred callers give up";
    peer "tower-resilience-executor" => paused (|| goes_on(
        |service| ExecutorLayer::current().layer(service)
    ));
    ours => paused (|| goes_on(|service| DetachLayer::new(10).layer(service)));
}

async fn faults() -> Outcome {
    let config = ChaosConfig::new(1.0, Fault::Status(503));
    let chaos = ChaosLayer::from_config(config).expect("it is a valid configuration");
    let handle = chaos.handle();
    let app = Router::new().route("/", get(async || "fine")).layer(chaos);
    let status = async || match app.clone().oneshot(request()).await {
        Ok(answer) => answer.status().as_u16(),
        Err(never) => match never {},
    };
    let on = status().await;
    handle
        .update(ChaosConfig {
            enabled: false,
            ..handle.config()
        })
        .expect("it is valid");
    let off = status().await;
    Outcome::new(
        (on, off) == (503, 200),
        format!("{on}, and {off} once switched off"),
    )
}

situation! {
    w35_axum: "W35", "faults in an axum router, switched off while it runs";
    peer "tower-resilience-chaos" => not_run (
        "it answers with errors of the service's type, and there is no value of Infallible; no handle"
    );
    ours => paused (faults);
}
