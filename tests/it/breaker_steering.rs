//! The circuit breaker by hand: its handle, fallbacks, services of every kind, and without tower.

use std::{error::Error, fmt, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt;
use tokio::time::advance;
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    circuit_breaker::{Breaker, CircuitBreakerConfig, CircuitBreakerLayer, Mode, State, Window},
    classify::Verdict,
    observe::{Condition, EventKind, Watch},
    protocol::{CarriesRejection, Plain},
    rejection::{Kind, Rejection},
};
use tower_layer::Layer;

use crate::circuit_breaker::{Upstream, after, call, layer, state};

#[tokio::test(start_paused = true)]
async fn the_handle_steers_every_clone_at_once() {
    let layer = layer(after(3));
    let handle = layer.handle();
    let upstream = Upstream::new(500);
    let apps = [
        upstream.app().layer(layer.clone()),
        upstream.app().layer(layer),
    ];
    let status = async |n: usize| call(&apps[n % 2]).await.as_u16();

    handle.force_open();
    assert_eq!((status(0).await, status(1).await), (503, 503));
    handle.force_closed();
    for n in 0..20 {
        assert_eq!(status(n).await, 500);
    }
    assert_eq!(handle.snapshot().failures, 20, "it counts");
    handle.disable();
    for n in 0..20 {
        assert_eq!(status(n).await, 500);
    }
    assert_eq!(handle.snapshot().calls, 0, "it does not count");
    handle.auto();
    for n in 0..3 {
        assert_eq!(status(n).await, 500);
    }
    assert_eq!(status(0).await, 503);
    handle.reset();
    assert_eq!(status(0).await, 500);
    assert_eq!(handle.snapshot().mode, Mode::Auto);
}

#[tokio::test(start_paused = true)]
async fn observing_only_it_tells_everything_and_refuses_nothing() {
    let layer = layer(after(3));
    let handle = layer.handle();
    let mut events = handle.subscribe(64);
    handle.observe_only();
    let upstream = Upstream::new(500);
    let app = upstream.app().layer(layer);
    for _ in 0..10 {
        assert_eq!(call(&app).await, StatusCode::INTERNAL_SERVER_ERROR);
    }
    let mut spared = 0;
    let mut opened = 0;
    while let Some(event) = events.try_next() {
        match event.kind {
            EventKind::CallWouldBeRejected {
                kind: Kind::CircuitOpen,
            } => spared += 1,
            EventKind::StateChanged { to: "open", .. } => opened += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((opened, spared, upstream.hits()), (1, 7, 10));
    assert_eq!(handle.vitals().condition, Condition::Normal);
    // From now on it means it.
    handle.auto();
    assert_eq!(call(&app).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn an_update_takes_effect_at_once_and_keeps_state_and_counts() {
    let layer = layer(after(10));
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let upstream = Upstream::new(500);
    let app = upstream.app().layer(layer);
    for _ in 0..4 {
        call(&app).await;
    }
    handle
        .update(CircuitBreakerConfig {
            min_calls: 30,
            ..after(5)
        })
        .unwrap();
    assert!(matches!(
        events.try_next().unwrap().kind,
        EventKind::ConfigUpdated { .. }
    ));
    assert_eq!(handle.snapshot().failures, 4);
    call(&app).await;
    assert_eq!(state(&handle), State::Open);
    let left = handle.snapshot().open_for;
    handle.update(after(7)).unwrap();
    assert_eq!(handle.snapshot().open_for, left);
    assert_eq!(handle.config(), after(7));

    let bad = CircuitBreakerConfig {
        window: Window::Count(5),
        ..after(7)
    };
    let error = handle.update(bad).unwrap_err().to_string();
    assert_eq!(
        error,
        "circuit_breaker: `min_calls` is 20, but `window` never holds more than 5 calls: \
         give at most 5, or a longer window"
    );
    assert_eq!(handle.config(), after(7), "nothing has changed");
}

#[tokio::test(start_paused = true)]
async fn vitals_tell_the_truth_without_a_call() {
    let layer = layer(CircuitBreakerConfig {
        ramp: Duration::from_secs(2),
        ..after(1)
    })
    .named("payments");
    let handle = layer.handle();
    let look = || {
        let vitals = handle.vitals();
        (vitals.condition, vitals.summary)
    };
    let app = Upstream::new(500).app().layer(layer);
    assert_eq!(
        look(),
        (Condition::Normal, "closed, 0 of 0 calls failed".into())
    );
    call(&app).await;
    advance(Duration::from_secs(1)).await;
    assert_eq!(
        look(),
        (Condition::Refusing, "open since 1s, 1 failure".into())
    );
    advance(Duration::from_secs(19)).await;
    assert_eq!(
        look(),
        (Condition::Strained, "half-open, trying a few calls".into())
    );
    handle.breaker().try_acquire().unwrap().success();
    assert_eq!(
        look(),
        (Condition::Strained, "closed, letting 10 % through".into())
    );
    advance(Duration::from_secs(2)).await;
    assert_eq!(look().0, Condition::Normal);
    let json = serde_json::to_value(handle.snapshot()).unwrap();
    assert_eq!(
        (&json["name"], &json["state"]),
        (&"payments".into(), &"closed".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_on_axum() {
    let layer = layer(after(1));
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let wrapper = String::from("from the cache, because ");
    let layer =
        layer.fallback(move |rejection| http::Response::new(format!("{wrapper}{rejection}")));
    let app = Upstream::new(500).app().layer(layer);
    call(&app).await;
    let answer = app
        .clone()
        .oneshot(Request::new(Body::empty()))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(Rejection::of(&answer).is_some());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        body,
        "from the cache, because circuit_breaker: the circuit is open"
    );
    let told = std::iter::from_fn(|| events.try_next());
    let fallbacks = told.filter(|event| matches!(event.kind, EventKind::FallbackAnswered { .. }));
    assert_eq!(fallbacks.count(), 1);

    let mut grpc = Request::new(Body::empty());
    *grpc.version_mut() = Version::HTTP_2;
    grpc.headers_mut()
        .insert("content-type", "application/grpc".parse().unwrap());
    let answer = app.oneshot(grpc).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "14");
}

#[tokio::test(start_paused = true)]
async fn a_closure_judges_in_router_layer() {
    let failures = [StatusCode::NOT_FOUND];
    let layer = layer(after(2))
        .classify(move |head| failures.contains(&head.status).then(Verdict::failure));
    let upstream = Upstream::new(404);
    let app = upstream.app().layer(layer);
    for _ in 0..5 {
        call(&app).await;
    }
    assert_eq!(upstream.hits(), 2);
}

#[derive(Debug, PartialEq)]
enum QuoteError {
    Rejected(Kind),
    UnknownSymbol,
    Down,
}

impl From<Rejection> for QuoteError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection.kind().clone())
    }
}

impl CarriesRejection for QuoteError {
    fn rejection(&self) -> Option<&Rejection> {
        None
    }
}

impl fmt::Display for QuoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for QuoteError {}

fn unknown_is_no_failure<T>(outcome: &Result<T, QuoteError>) -> Verdict {
    match outcome {
        Ok(_) | Err(QuoteError::UnknownSymbol) => Verdict::success(),
        Err(QuoteError::Rejected(_)) => Verdict::ignored(),
        Err(QuoteError::Down) => Verdict::failure(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_service_keeps_its_own_error() {
    let layer = layer(after(2)).plain().classify(unknown_is_no_failure);
    let quote = layer
        .clone()
        .layer(service_fn(async |symbol: &str| match symbol {
            "ACME" => Ok(42),
            "DOWN" => Err(QuoteError::Down),
            _ => Err(QuoteError::UnknownSymbol),
        }));
    let ask = |symbol| quote.clone().oneshot(symbol);
    for _ in 0..5 {
        assert_eq!(ask("????").await, Err(QuoteError::UnknownSymbol));
    }
    assert_eq!(ask("DOWN").await, Err(QuoteError::Down));
    assert_eq!(ask("ACME").await, Ok(42));
    assert_eq!(ask("DOWN").await, Err(QuoteError::Down));
    assert_eq!(ask("DOWN").await, Err(QuoteError::Down));
    assert_eq!(
        ask("ACME").await,
        Err(QuoteError::Rejected(Kind::CircuitOpen))
    );

    let estimate = layer
        .fallback(|_| Ok(40))
        .layer(service_fn(async |_: &str| Err::<i32, _>(QuoteError::Down)));
    assert_eq!(estimate.oneshot("ACME").await, Ok(40));
}

#[tokio::test(start_paused = true)]
async fn without_tower_it_is_the_same_breaker() {
    let breaker = Breaker::from_config(after(3)).unwrap().named("quotes");
    let down = || breaker.call(async { Err::<(), BoxError>("down".into()) });
    assert_eq!(down().await.unwrap_err().to_string(), "down");
    breaker.try_acquire().unwrap().failure();
    breaker.try_acquire().unwrap().ignore();
    drop(breaker.try_acquire().unwrap());
    let own = Plain::new().classify(unknown_is_no_failure);
    let answer = breaker.call_with(own, async { Err::<(), _>(QuoteError::Down) });
    assert_eq!(answer.await, Err(QuoteError::Down));

    let refused = breaker.try_acquire().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "circuit_breaker `quotes`: the circuit is open"
    );
    assert!(refused.retry_after().is_some_and(|after| !after.is_zero()));
    let error = down().await.unwrap_err();
    assert!(Rejection::find(&*error).is_some());
    let app = Upstream::new(200).app().layer(breaker.layer());
    assert_eq!(call(&app).await, StatusCode::SERVICE_UNAVAILABLE);

    advance(Duration::from_secs(5)).await;
    let asked = Duration::from_secs(12);
    let overloaded = Verdict::overload().retry_after(Some(asked));
    breaker.try_acquire().unwrap().record(overloaded);
    assert!(breaker.handle().snapshot().open_for >= Some(asked - Duration::from_secs(7)));
    advance(asked).await;
    breaker.try_acquire().unwrap().success();
    assert_eq!(state(&breaker.handle()), State::Closed);
}

#[test]
fn a_breaker_works_before_a_runtime_exists() {
    let layer = CircuitBreakerLayer::default();
    assert_eq!(layer.handle().snapshot().state, State::Closed);
    assert!(format!("{layer:?}").contains("Closed"));
}
