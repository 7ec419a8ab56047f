//! The circuit breaker from outside: when it opens, whom it lets through, what counts.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::{
    sync::Semaphore,
    time::{advance, sleep, timeout},
};
use tower::{BoxError, ServiceExt, service_fn};
use tower_keep::{
    circuit_breaker::{
        CircuitBreakerConfig, CircuitBreakerHandle, CircuitBreakerLayer, State, Window,
    },
    observe::{EventKind, Subscription},
    rejection::{Kind, Rejection},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::support::{client, get as request, serve};

/// No ramp, so that a closed breaker lets everything through.
pub(crate) fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    }
}

pub(crate) fn layer(config: CircuitBreakerConfig) -> CircuitBreakerLayer {
    CircuitBreakerLayer::from_config(config).unwrap()
}

/// Opens after `n` failures in a row and closes after one good probe.
pub(crate) fn after(n: u32) -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        consecutive_failures: Some(n),
        probes: 1,
        ..config()
    }
}

/// A service that answers with the status it is told to, and counts.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) hits: Arc<AtomicUsize>,
    pub(crate) status: Arc<AtomicU16>,
}

impl Upstream {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            hits: Arc::default(),
            status: Arc::new(AtomicU16::new(status)),
        }
    }

    pub(crate) fn app(&self) -> Router {
        let this = self.clone();
        let handler = move || async move {
            this.hits.fetch_add(1, SeqCst);
            let status = StatusCode::from_u16(this.status.load(SeqCst)).unwrap();
            (status, [("retry-after", "20")], "an answer").into_response()
        };
        Router::new().route("/", get(handler))
    }

    pub(crate) fn hits(&self) -> usize {
        self.hits.swap(0, SeqCst)
    }
}

/// The status of a call whose body is read to its end.
pub(crate) async fn call(app: &Router) -> StatusCode {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let _ = response.into_body().collect().await;
    status
}

async fn times(n: usize, app: &Router) {
    for _ in 0..n {
        call(app).await;
    }
}

pub(crate) fn state(handle: &CircuitBreakerHandle) -> State {
    handle.snapshot().state
}

/// Failures and calls in the window.
fn counted(handle: &CircuitBreakerHandle) -> (u64, u64) {
    let now = handle.snapshot();
    (now.failures, now.calls)
}

pub(crate) fn changes(events: &mut Subscription) -> Vec<String> {
    let mut changes = Vec::new();
    while let Some(event) = events.try_next() {
        if let EventKind::StateChanged {
            from,
            to,
            level,
            reason,
            ..
        } = event.kind
        {
            changes.push(format!("{from} -> {to} {level}: {reason}"));
        }
    }
    changes
}

#[tokio::test]
async fn a_handler_that_always_fails_is_hit_as_often_as_configured_over_twenty_connections() {
    let rate_only = CircuitBreakerConfig {
        consecutive_failures: None,
        ..CircuitBreakerConfig::default()
    };
    for (config, expected) in [(CircuitBreakerConfig::default(), 10), (rate_only, 20)] {
        let upstream = Upstream::new(500);
        let address = serve(upstream.app().layer(layer(config))).await;
        for n in 0..60 {
            let client = client();
            let response = client.request(request(address, "/")).await.unwrap();
            let status = response.status().as_u16();
            response.into_body().collect().await.unwrap();
            assert_eq!(status, if n < expected { 500 } else { 503 });
        }
        assert_eq!(upstream.hits(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn after_ten_thousand_successes_fifty_failures_open_a_window_of_a_hundred() {
    let layer = layer(CircuitBreakerConfig {
        window: Window::Count(100),
        consecutive_failures: None,
        ..config()
    });
    let upstream = Upstream::new(200);
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let app = upstream.app().layer(layer);
    times(10_000, &app).await;
    upstream.status.store(500, SeqCst);
    times(49, &app).await;
    assert_eq!(state(&handle), State::Closed);
    call(&app).await;
    assert_eq!(state(&handle), State::Open);
    let told = changes(&mut events);
    assert_eq!(told, ["closed -> open 2: 50 of the last 100 calls failed"]);
}

#[tokio::test(start_paused = true)]
async fn the_minimum_works_for_a_window_that_is_not_full_and_old_calls_leave_a_window_of_time() {
    for window in [Window::Count(100), Window::Time(Duration::from_secs(10))] {
        let upstream = Upstream::new(500);
        let app = upstream.app().layer(layer(CircuitBreakerConfig {
            window,
            min_calls: 5,
            consecutive_failures: None,
            ..config()
        }));
        times(20, &app).await;
        assert_eq!(upstream.hits(), 5, "{window:?}");
    }
    let layer = layer(CircuitBreakerConfig {
        min_calls: 5,
        consecutive_failures: None,
        ..config()
    });
    let handle = layer.handle();
    let app = Upstream::new(500).app().layer(layer);
    times(4, &app).await;
    advance(Duration::from_secs(11)).await;
    times(4, &app).await;
    assert_eq!(counted(&handle), (4, 4));
    assert_eq!(state(&handle), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_when_to_come_back_and_the_service_is_asked_again_then() {
    let layer = layer(after(3)).named("payments");
    let handle = layer.handle();
    let mut events = handle.subscribe(8);
    let upstream = Upstream::new(500);
    let app = upstream.app().layer(layer);
    times(3, &app).await;
    let open_for = handle.snapshot().open_for.unwrap();
    let answer = app.clone().oneshot(Request::new(Body::empty())).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let seconds = open_for.as_secs_f64().ceil().to_string();
    assert_eq!(answer.headers()["retry-after"], seconds.as_str());
    let rejection = Rejection::of(&answer).unwrap();
    assert_eq!(rejection.kind(), &Kind::CircuitOpen);
    assert_eq!(
        (rejection.layer(), rejection.name()),
        ("circuit_breaker", "payments")
    );
    assert_eq!(upstream.hits(), 3);

    advance(open_for).await;
    assert_eq!(state(&handle), State::HalfOpen, "before any call");
    upstream.status.store(200, SeqCst);
    assert_eq!(call(&app).await, StatusCode::OK);
    assert_eq!(state(&handle), State::Closed);
    let told = changes(&mut events);
    assert_eq!(told[0], "closed -> open 2: 3 failures in a row");
    assert!(told[1].starts_with("open -> half_open 1: was open for "));
    assert_eq!(told[2], "half_open -> closed 0: 1 of 1 probes succeeded");
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_answer_is_no_recovery_and_its_retry_after_is_kept() {
    let layer = layer(after(1));
    let handle = layer.handle();
    let upstream = Upstream::new(429);
    let app = upstream.app().layer(layer);
    call(&app).await;
    // The answer says 20 s, more than the 5 s of the configuration.
    let twenty = Some(Duration::from_secs(20));
    assert_eq!(handle.snapshot().open_for, twenty);
    advance(Duration::from_secs(20)).await;
    assert_eq!(call(&app).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(handle.snapshot().open_for, twenty);
    assert_eq!(handle.snapshot().reason, "1 of 1 probe failed");
}

/// A plain service whose calls end as the test says, once it gives them leave.
fn gated(
    config: CircuitBreakerConfig,
) -> (
    CircuitBreakerHandle,
    Arc<AtomicUsize>,
    Arc<Semaphore>,
    impl Service<bool, Response = (), Error = BoxError, Future: Send + 'static> + Clone,
) {
    let (hits, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let layer = layer(config).plain();
    let service = layer.layer(service_fn({
        let (hits, gate) = (hits.clone(), gate.clone());
        move |succeeds: bool| {
            hits.fetch_add(1, SeqCst);
            let gate = gate.clone();
            async move {
                gate.acquire().await?.forget();
                if succeeds {
                    Ok(())
                } else {
                    Err("failed".into())
                }
            }
        }
    }));
    (layer.handle(), hits, gate, service)
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_callers_at_once_exactly_as_many_probes_reach_a_half_open_service() {
    let (handle, hits, gate, service) = gated(CircuitBreakerConfig {
        probes: 7,
        ..after(1)
    });
    gate.add_permits(1);
    service.clone().oneshot(false).await.unwrap_err();
    hits.store(0, SeqCst);
    sleep(Duration::from_secs(5)).await;
    let calls: Vec<_> = (0..1000)
        .map(|_| tokio::spawn(service.clone().oneshot(true)))
        .collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(hits.load(SeqCst), 7);
    assert_eq!(handle.snapshot().probes.unwrap().running, 7);
    gate.add_permits(7);
    let answers = join_all(calls).await;
    let good = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().is_ok());
    assert_eq!(good.count(), 7);
    assert_eq!(state(&handle), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_neither_wedges_nor_floods() {
    let (handle, hits, gate, service) = gated(after(1));
    gate.add_permits(1);
    service.clone().oneshot(false).await.unwrap_err();
    sleep(Duration::from_secs(5)).await;
    let mut hung = Box::pin(service.clone().oneshot(true));
    assert!(timeout(Duration::from_secs(1), &mut hung).await.is_err());
    service.clone().oneshot(true).await.unwrap_err();
    assert_eq!(
        hits.load(SeqCst),
        2,
        "the second is refused while the probe runs"
    );
    // Its lease is up: charged with the next call.
    sleep(Duration::from_secs(9)).await;
    service.clone().oneshot(true).await.unwrap_err();
    assert_eq!(handle.snapshot().reason, "1 of 1 probe hung");
    sleep(Duration::from_secs(10)).await;
    gate.add_permits(2);
    service.clone().oneshot(true).await.unwrap();
    assert_eq!(state(&handle), State::Closed);
    hung.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_earlier_state_moves_nothing_whichever_way_it_ends() {
    for succeeds in [true, false] {
        let (handle, _, gate, service) = gated(after(1));
        let stale = tokio::spawn(service.clone().oneshot(succeeds));
        tokio::task::yield_now().await;
        let failing = tokio::spawn(service.clone().oneshot(false));
        tokio::task::yield_now().await;
        handle.breaker().try_acquire().unwrap().failure();
        assert_eq!(state(&handle), State::Open);
        sleep(Duration::from_secs(5)).await;
        let probe = handle.breaker().try_acquire().unwrap();
        gate.add_permits(2);
        let _ = (stale.await.unwrap(), failing.await.unwrap());
        assert_eq!(state(&handle), State::HalfOpen);
        probe.success();
        assert_eq!(counted(&handle), (0, 0));
        assert_eq!(state(&handle), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn timeouts_of_others_outside_open_it_and_callers_that_leave_early_do_not() {
    let (handle, hits, _gate, service) = gated(config());
    for _ in 0..50 {
        let _ = timeout(Duration::from_secs(2), service.clone().oneshot(true)).await;
    }
    assert_eq!((hits.swap(0, SeqCst), counted(&handle)), (50, (0, 0)));
    for _ in 0..50 {
        let _ = timeout(Duration::from_secs(6), service.clone().oneshot(true)).await;
    }
    assert_eq!(hits.load(SeqCst), 10);
    assert_eq!(handle.snapshot().reason, "10 failures in a row");
}

#[tokio::test(start_paused = true)]
async fn probes_that_come_seldom_still_close_it() {
    let layer = layer(CircuitBreakerConfig {
        window: Window::Time(Duration::from_secs(1)),
        probes: 3,
        ..after(1)
    });
    let handle = layer.handle();
    let upstream = Upstream::new(500);
    let app = upstream.app().layer(layer);
    call(&app).await;
    upstream.status.store(200, SeqCst);
    for _ in 0..3 {
        advance(Duration::from_secs(60)).await;
        call(&app).await;
    }
    assert_eq!(state(&handle), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn after_it_closes_traffic_grows() {
    let ramp = Duration::from_secs(4);
    let layer = layer(CircuitBreakerConfig { ramp, ..after(1) });
    let handle = layer.handle();
    let upstream = Upstream::new(500);
    let app = upstream.app().layer(layer);
    call(&app).await;
    upstream.status.store(200, SeqCst);
    advance(Duration::from_secs(20)).await;
    call(&app).await;
    upstream.hits();
    for (after, share) in [(0, 10), (2, 55), (2, 100)] {
        advance(Duration::from_secs(after)).await;
        times(1000, &app).await;
        let percent = upstream.hits().div_ceil(10);
        assert!(
            percent.abs_diff(share) < 8,
            "{percent} % instead of {share} %"
        );
    }
    assert_eq!(handle.snapshot().admitted_share, 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_slow_from_when_the_service_first_waits_and_a_permit_from_when_it_is_given() {
    let layer = layer(CircuitBreakerConfig::brownout(Duration::from_secs(1)));
    let handle = layer.handle();
    let wait = |seconds| {
        layer
            .clone()
            .plain()
            .layer(service_fn(move |()| async move {
                sleep(Duration::from_secs_f64(seconds)).await;
                Ok::<_, BoxError>(())
            }))
    };
    let slow = || handle.snapshot().slow_calls;
    let late = wait(0.9).call(());
    advance(Duration::from_secs(3)).await;
    late.await.unwrap();
    assert_eq!(slow(), 0, "polled late, which is its caller's doing");
    wait(1.0).call(()).await.unwrap();
    assert_eq!(slow(), 1);
    let permit = handle.breaker().try_acquire().unwrap();
    advance(Duration::from_secs(1)).await;
    permit.success();
    assert_eq!((slow(), handle.snapshot().calls), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn slow_answers_open_it_and_slow_bodies_do_not() {
    let layer = layer(CircuitBreakerConfig {
        window: Window::Count(20),
        min_calls: 3,
        ..CircuitBreakerConfig::brownout(Duration::from_secs(1))
    });
    let handle = layer.handle();
    let slow_body = || {
        Body::new(StreamBody::new(stream::once(async {
            sleep(Duration::from_secs(3)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"late")))
        })))
    };
    let app = Router::new().route("/", get(move || async move { slow_body() }));
    times(5, &app.layer(layer.clone())).await;
    assert_eq!(
        (handle.snapshot().slow_calls, state(&handle)),
        (0, State::Closed)
    );
    let app = Router::new().route("/", get(|| sleep(Duration::from_secs(1))));
    let app = app.layer(layer);
    times(5, &app).await;
    assert_eq!(handle.snapshot().reason, "5 of the last 10 calls were slow");
}
