//! FB: other answers.

use std::{
    convert::Infallible,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, routing::get as route};
use http::{Request, Response, StatusCode};
use tokio::time::{Instant, Sleep};
use tower::{Service, ServiceExt, service_fn};
use tower_keep::{
    circuit_breaker::CircuitBreakerLayer,
    fallback::{Cause, Causes, FallbackAnswer, FallbackLayer},
};
use tower_layer::Layer;

use crate::{
    fallback::{Backend, get, text},
    support::QuoteError,
};

/// FB1: a value, a function, a function of the error, an async function, a service.
/// `when(causes, |failed| ..)`, `when_async`, `when_service`, `when_stale`; on plain services functions
/// get the outcome by value.
#[tokio::test(start_paused = true)]
async fn fb1() {
    let fails =
        || service_fn(|n: u64| async move { Err::<u64, _>(QuoteError::Busy).map(|m: u64| m + n) });
    let layer = FallbackLayer::new()
        .plain()
        .when(Causes::ANY, |_, outcome| {
            outcome.or_else(|error| match error {
                QuoteError::Busy => Ok(7),
                other => Err(other),
            })
        });
    assert_eq!(layer.layer(fails()).oneshot(1).await.unwrap(), 7);
    let layer = FallbackLayer::new()
        .plain()
        .when_async(Causes::ANY, |_, _| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<u64, QuoteError>(8)
        });
    assert_eq!(layer.layer(fails()).oneshot(1).await.unwrap(), 8);
    let other = service_fn(|n: u64| async move { Ok::<_, QuoteError>(n + 8) });
    let layer = FallbackLayer::new()
        .plain()
        .when_service(Causes::ANY, other);
    assert_eq!(layer.layer(fails()).oneshot(1).await.unwrap(), 9);
    let backend = Backend::default();
    backend.status.store(500, Relaxed);
    let layer = FallbackLayer::new().when_async(Cause::Failed, |failed| async move {
        Response::new(failed.request.unwrap().uri.to_string())
    });
    let answer = layer.layer(backend.service()).oneshot(get("/x")).await;
    assert_eq!(text(answer.unwrap()).await, "/x");
}

/// FB2: responses that are not `Clone`.
/// No bound on requests, responses or errors; it stands on axum's routes as they are.
#[tokio::test]
async fn fb2() {
    let app: Router = Router::new()
        .route("/", route(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .layer(FallbackLayer::new().when(Causes::ANY, |_| Response::new("fallback")));
    let request = Request::new(axum::body::Body::empty());
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
}

/// FB3: on answers too, not on errors only.
/// Whatever `classify` calls bad: statuses, refusals and errors go the same way.
#[tokio::test(start_paused = true)]
async fn fb3() {
    let backend = Backend::default();
    let layer = FallbackLayer::new().when(Cause::Limited, |_| Response::new("busy"));
    let mut service = layer.layer(backend.service::<String>());
    for (status, is_fallback) in [(429, true), (500, false), (404, false)] {
        backend.status.store(status, Relaxed);
        let answer = service.call(get("/")).await.unwrap();
        assert_eq!(
            answer.extensions().get::<FallbackAnswer>().is_some(),
            is_fallback
        );
    }
}

/// FB4: marked in telemetry and in the response.
/// The extension `FallbackAnswer`, the refusal it stands for, the event `fallback_answered`, a header if
/// wished; what is inside counts as it would without.
#[tokio::test(start_paused = true)]
async fn fb4() {
    let breaker = CircuitBreakerLayer::new();
    breaker.handle().force_open();
    let layer = FallbackLayer::new().when(Cause::Open, |_| Response::new("later"));
    let mut events = layer.handle().subscribe(4);
    let service = layer.layer(breaker.layer(Backend::default().service()));
    let answer = service.oneshot(get("/")).await.unwrap();
    assert_eq!(
        answer.extensions().get::<FallbackAnswer>().unwrap().cause,
        Cause::Open
    );
    assert_eq!(
        events.next().await.unwrap().kind.as_str(),
        "fallback_answered"
    );
    assert_eq!(breaker.handle().snapshot().calls, 0);
}

/// A service that needs a second to become ready.
struct Slow(Option<std::pin::Pin<Box<Sleep>>>);

impl Clone for Slow {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Service<u64> for Slow {
    type Response = u64;
    type Error = QuoteError;
    type Future = std::future::Ready<Result<u64, QuoteError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), QuoteError>> {
        let sleep = || Box::pin(tokio::time::sleep(Duration::from_secs(1)));
        let ready = self.0.get_or_insert_with(sleep);
        ready.as_mut().poll(cx).map(Ok)
    }

    fn call(&mut self, n: u64) -> Self::Future {
        let ready = self.0.take();
        assert!(
            ready.is_some_and(|ready| ready.is_elapsed()),
            "called before it was ready"
        );
        std::future::ready(Ok(n))
    }
}

/// FB5: the readiness of the other service is driven.
/// In the call's future, by a clone of its own: calls do not wait for each other.
#[tokio::test(start_paused = true)]
async fn fb5() {
    let layer = FallbackLayer::new()
        .plain()
        .when_service(Causes::ANY, Slow(None));
    let mut service = layer.layer(service_fn(|_: u64| async { Err(QuoteError::Busy) }));
    let start = Instant::now();
    let (one, other) = tokio::join!(service.call(1), async {
        let mut service = layer.layer(service_fn(|_: u64| async { Err(QuoteError::Busy) }));
        service.call(2).await
    });
    assert_eq!((one.unwrap(), other.unwrap()), (1, 2));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

/// FB6: another answer for each cause.
/// Rules by `Cause`, combined with `|`, in order; one that has no answer leaves it to the next.
#[tokio::test(start_paused = true)]
async fn fb6() {
    let layer = FallbackLayer::new()
        .when_stale(Cause::Open | Cause::TimedOut | Cause::Failed)
        .when(Causes::REFUSED, |_| Response::new("refused"))
        .when(Cause::Failed, |_| Response::new("failed"));
    let backend = Backend::default();
    backend.status.store(500, Relaxed);
    let answer = layer.layer(backend.service()).oneshot(get("/")).await;
    assert_eq!(text(answer.unwrap()).await, "failed");
    let breaker = CircuitBreakerLayer::new();
    breaker.handle().force_open();
    let service = layer.layer(breaker.layer(backend.service()));
    assert_eq!(
        text(service.oneshot(get("/")).await.unwrap()).await,
        "refused"
    );
    let _: Infallible = match layer.layer(backend.service()).oneshot(get("/")).await {
        Ok(_) => return,
        Err(never) => never,
    };
}
