//! How a breaker closes again.

use std::time::Duration;

use tokio::time::sleep;
use tower::{Layer, ServiceExt};
use tower_keep::circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Window};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerLayer as Theirs, SlidingWindowType,
};

use super::breaker::trip;
use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Guarded, backend, let_in, ms, refuses},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w4_probes_far_apart::case(),
        w5_hung_probe::case(),
        w6_late_answer::case(),
        w21_slow_probe::case(),
        w21_open_time::case(),
    ]
}

/// Their clock is the operating system's: open for 20 ms.
const THEIR_TIME: Duration = ms(20);

/// Open for a second, until something else is known.
const OUR_TIME: Duration = ms(1000);

fn theirs() -> CircuitBreakerConfigBuilder {
    Theirs::builder()
        .sliding_window_size(5)
        .wait_duration_in_open(THEIR_TIME)
}

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        consecutive_failures: Some(5),
        open_for: OUR_TIME,
        probes: 1,
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    }
}

/// A breaker, and what it says its state is.
type Told<S> = (S, Box<dyn Fn() -> String>);

fn their_breaker(config: CircuitBreakerConfigBuilder) -> Told<impl Guarded> {
    let (layer, handle) = config
        .build_with_handle()
        .expect("it is a valid configuration");
    (
        layer.layer(backend()),
        Box::new(move || format!("{:?}", handle.state()).to_lowercase()),
    )
}

fn our_breaker(config: CircuitBreakerConfig) -> Told<impl Guarded> {
    let layer = CircuitBreakerLayer::from_config(config).expect("it is a valid configuration");
    let handle = layer.handle();
    let state = move || handle.snapshot().state.as_str().replace('_', "");
    (layer.plain().layer(backend()), Box::new(state))
}

async fn few_calls((service, _): Told<impl Guarded>, open: Duration) -> Outcome {
    trip(&service).await;
    for _ in 0..3 {
        // Longer than the window.
        sleep(3 * open).await;
        refuses(&service, Call::Good).await;
    }
    let admitted = let_in(&service, 20, Call::Good).await;
    Outcome::new(
        admitted == 20,
        format!("{admitted} of the next 20 calls let in"),
    )
}

situation! {
    w4_probes_far_apart: "W4", "three probes succeed, further apart than the time window is long";
    peer "tower-resilience-circuitbreaker" => real (|| few_calls(
        their_breaker(
            theirs()
                .sliding_window_type(SlidingWindowType::TimeBased)
                .sliding_window_duration(2 * THEIR_TIME)
                .minimum_number_of_calls(3)
                .permitted_calls_in_half_open(3)
        ),
        THEIR_TIME,
    ));
    ours => paused(|| few_calls(
        our_breaker(CircuitBreakerConfig {
            window: Window::Time(2 * OUR_TIME),
            probes: 3,
            ..config()
        }),
        OUR_TIME,
    ));
}

async fn a_probe_hangs((service, _): Told<impl Guarded>, open: Duration) -> Outcome {
    trip(&service).await;
    sleep(2 * open).await;
    let probe = tokio::spawn(service.clone().oneshot(Call::Hang));
    let mut admitted = 0;
    for _ in 0..20 {
        sleep(5 * open).await;
        admitted += let_in(&service, 1, Call::Good).await;
    }
    probe.abort();
    Outcome::new(
        admitted >= 10,
        format!("{admitted} of 20 later calls let in"),
    )
}

situation! {
    w5_hung_probe: "W5", "the probe hangs; the service is well otherwise";
    peer "tower-resilience-circuitbreaker" => real (|| a_probe_hangs(
        their_breaker(theirs().wait_duration_in_open(THEIR_TIME / 4)),
        THEIR_TIME / 4,
    ));
    ours => paused(|| a_probe_hangs(our_breaker(config()), OUR_TIME));
}

async fn a_late_answer(
    (service, state): Told<impl Guarded>,
    open: Duration,
    late: fn(Duration) -> Call,
) -> Outcome {
    let old = tokio::spawn(service.clone().oneshot(late(4 * open)));
    sleep(open / 10).await;
    trip(&service).await;
    sleep(2 * open).await;
    let probe = tokio::spawn(service.clone().oneshot(Call::Hang));
    sleep(open / 10).await;
    let before = state();
    old.await.expect("it does not panic").ok();
    let after = state();
    probe.abort();
    Outcome::new(
        before == "halfopen" && before == after,
        format!("{before}, then {after}"),
    )
}

async fn late_answers<S: Guarded>(breaker: impl Fn() -> Told<S>, open: Duration) -> Outcome {
    let good = a_late_answer(breaker(), open, Call::Slow).await;
    let bad = a_late_answer(breaker(), open, Call::SlowBad).await;
    let saw = format!("a late success: {}; a late failure: {}", good.saw, bad.saw);
    Outcome::new(good.holds && bad.holds, saw)
}

situation! {
    w6_late_answer: "W6", "a call from before the outage ends while the breaker is half-open";
    peer "tower-resilience-circuitbreaker" => real (|| late_answers(
        || their_breaker(theirs()),
        THEIR_TIME,
    ));
    ours => paused(|| late_answers(|| our_breaker(config()), OUR_TIME));
}

async fn slow((service, state): Told<impl Guarded>, open: Duration) -> Outcome {
    trip(&service).await;
    sleep(2 * open).await;
    refuses(&service, Call::Slow(2 * open)).await;
    Outcome::new(state() != "closed", format!("{} after it", state()))
}

situation! {
    w21_slow_probe: "W21", "slow calls count as failures; the probe is slow";
    peer "tower-resilience-circuitbreaker" => real (|| slow(
        their_breaker(theirs().slow_call_duration_threshold(THEIR_TIME).slow_call_rate_threshold(0.5)),
        THEIR_TIME,
    ));
    ours => paused(|| slow(
        our_breaker(CircuitBreakerConfig {
            slow_call: Some(OUR_TIME),
            slow_rate: Some(0.5),
            ..config()
        }),
        OUR_TIME,
    ));
}

async fn a_long_outage((service, _): Told<impl Guarded>, open: Duration) -> Outcome {
    trip(&service).await;
    let mut probes = 0;
    for _ in 0..40 {
        sleep(open + open / 4).await;
        probes += let_in(&service, 1, Call::Bad).await;
    }
    Outcome::new(probes <= 10, format!("{probes} probes in 50 open times"))
}

situation! {
    w21_open_time: "W21b", "the outage lasts";
    peer "tower-resilience-circuitbreaker" => real (|| a_long_outage(
        their_breaker(theirs().wait_duration_in_open(THEIR_TIME / 4)),
        THEIR_TIME / 4,
    ));
    ours => paused(|| a_long_outage(our_breaker(config()), OUR_TIME));
}
