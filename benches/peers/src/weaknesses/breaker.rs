//! When a breaker opens.

use std::time::Duration;

use recloser::{AsyncRecloser, Recloser};
use tokio::time::Instant;
use tower::{Layer, service_fn};
use tower_keep::{
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Window},
    timeout::TimeoutLayer,
};
use tower_resilience_circuitbreaker::CircuitBreakerLayer as Theirs;
use tower_resilience_timelimiter::TimeLimiterLayer;

use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Failure, Guarded, backend, let_in, ms, refuses, work},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w2_count_window::case(),
        w3_min_calls::case(),
        w7_cancelled_calls::case(),
        w30_clock::case(),
    ]
}

pub(super) fn ours(config: CircuitBreakerConfig) -> impl Guarded<Error = Failure> {
    let layer = CircuitBreakerLayer::from_config(config).expect("it is a valid configuration");
    layer.plain().layer(backend())
}

/// Opens by the failure rate alone.
pub(super) fn by_rate() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        window: Window::Count(100),
        consecutive_failures: None,
        ..CircuitBreakerConfig::default()
    }
}

pub(super) fn recloser() -> impl Guarded {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(100).build();
    let breaker = AsyncRecloser::from(breaker);
    service_fn(move |call: Call| {
        let breaker = breaker.clone();
        async move { breaker.call(work(call)).await }
    })
}

pub(super) fn failsafe() -> impl Guarded {
    use failsafe::{Config, backoff, failure_policy, futures::CircuitBreaker as _};

    let wait = backoff::constant(Duration::from_secs(30));
    let policy = failure_policy::consecutive_failures(5, wait);
    let breaker = Config::new().failure_policy(policy).build();
    service_fn(move |call: Call| {
        let breaker = breaker.clone();
        async move { breaker.call(work(call)).await }
    })
}

/// How many calls that fail it takes to open.
pub(super) async fn trip(service: &impl Guarded) -> usize {
    let mut failed = 0;
    while failed < 20_000 && !refuses(service, Call::Bad).await {
        failed += 1;
    }
    failed
}

async fn after_uptime(service: impl Guarded) -> Outcome {
    let_in(&service, 10_000, Call::Good).await;
    let failed = trip(&service).await;
    Outcome::new(failed <= 100, format!("opened after {failed} failures"))
}

situation! {
    w2_count_window: "W2", "window of the last 100 calls; 10 000 good ones, then an outage";
    peer "tower-resilience-circuitbreaker" => paused (|| after_uptime(
        Theirs::builder().sliding_window_size(100).build().expect("valid").layer(backend())
    ));
    peer "recloser" => paused (|| after_uptime(recloser()));
    ours => paused(|| after_uptime(ours(by_rate())));
}

async fn at_start(service: impl Guarded) -> Outcome {
    let failed = trip(&service).await;
    Outcome::new(failed == 5, format!("opened after {failed} failures"))
}

situation! {
    w3_min_calls: "W3", "window of 100 calls, judged from 5 on; an outage from the start";
    peer "tower-resilience-circuitbreaker" => paused (|| at_start(
        Theirs::builder()
            .sliding_window_size(100)
            .minimum_number_of_calls(5)
            .build()
            .expect("valid")
            .layer(backend())
    ));
    ours => paused(|| at_start(ours(CircuitBreakerConfig { min_calls: 5, ..by_rate() })));
}

async fn hung(service: impl Guarded) -> Outcome {
    let mut waited = 0;
    for _ in 0..50 {
        let start = Instant::now();
        refuses(&service, Call::Hang).await;
        waited += usize::from(start.elapsed() >= ms(1000));
    }
    Outcome::new(
        waited < 50,
        format!("{waited} of 50 calls waited out their second"),
    )
}

situation! {
    w7_cancelled_calls: "W7", "a deadline outside the breaker; the service hangs";
    peer "tower-resilience-circuitbreaker" => paused (|| hung(
        TimeLimiterLayer::builder().timeout_duration(ms(1000)).build().layer(
            Theirs::builder().sliding_window_size(10).build().expect("valid").layer(backend())
        )
    ));
    ours => paused(|| hung(
        TimeoutLayer::new(ms(1000)).plain().layer(ours(CircuitBreakerConfig::default()))
    ));
}

async fn an_hour_later(service: impl Guarded) -> Outcome {
    trip(&service).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    let refused = refuses(&service, Call::Good).await;
    let saw = if refused {
        "still open"
    } else {
        "let a probe in"
    };
    Outcome::new(!refused, saw)
}

situation! {
    w30_clock: "W30", "a test with paused time; an hour after it opened";
    peer "tower-resilience-circuitbreaker" => paused (|| an_hour_later(
        Theirs::builder().sliding_window_size(10).build().expect("valid").layer(backend())
    ));
    peer "failsafe" => paused (|| an_hour_later(failsafe()));
    peer "recloser" => paused (|| an_hour_later(recloser()));
    ours => paused(|| an_hour_later(ours(CircuitBreakerConfig::default())));
}
