//! What a breaker tells, judges and costs.

use std::{
    hint::black_box,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::FutureExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::{task::unconstrained, time::sleep};
use tower::{Layer, ServiceExt};
use tower_keep::{
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Window},
    classify::Verdict,
    observe::{Event, Metrics},
};
use tower_resilience_circuitbreaker::{
    CircuitBreakerHandle, CircuitBreakerLayer as Theirs, SlidingWindowType,
};

use super::breaker::{by_rate, ours, trip};
use crate::{
    case::{Case, Outcome, situation},
    support::{Call, Failure, Guarded, backend, let_in, ms, refuses},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w31_state_metric::case(),
        w37_lock_held::case(),
        w38_memory_of_the_window::case(),
        w39_verdicts::case(),
    ]
}

/// Opens, and closes again.
async fn gauges<S: Guarded>(make: impl Fn() -> S, metric: &str, open: Duration) -> Outcome {
    let recorder = DebuggingRecorder::new();
    let metrics = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let service = make();
    refuses(&service, Call::Good).await;
    trip(&service).await;
    while refuses(&service, Call::Good).await {
        sleep(open).await;
    }
    let_in(&service, 10, Call::Good).await;
    let mut current: Vec<String> = Vec::new();
    for (key, _, _, value) in metrics.snapshot().into_vec() {
        let DebugValue::Gauge(gauge) = value else {
            continue;
        };
        if key.key().name() == metric {
            let labels = key.key().labels().filter(|label| label.key() == "state");
            let state = labels.map(metrics::Label::value).next().unwrap_or("value");
            current.push(format!("{state} {gauge}"));
        }
    }
    current.sort();
    let on = current.iter().filter(|gauge| gauge.ends_with(" 1")).count();
    let saw = current.join(", ");
    Outcome::new(on == 1 || saw == "value 0", saw)
}

situation! {
    w31_state_metric: "W31", "the metric of the state, after it opened and closed again";
    peer "tower-resilience-circuitbreaker" => real (|| gauges(
        || {
            let config = Theirs::builder().sliding_window_size(5).wait_duration_in_open(ms(5));
            config.build().expect("valid").layer(backend())
        },
        "circuitbreaker_state",
        ms(1),
    ));
    ours => paused(|| gauges(
        || {
            let layer = CircuitBreakerLayer::new().observe(Metrics);
            layer.plain().layer(backend())
        },
        "tower_keep_state",
        ms(1000),
    ));
}

/// Whether a listener can ask the breaker how it is while it listens.
async fn their_listener() -> Outcome {
    let handle = Arc::new(OnceLock::<CircuitBreakerHandle>::new());
    let locked = Arc::new(AtomicUsize::new(0));
    let (asked, seen) = (handle.clone(), locked.clone());
    let listener = move |_| {
        let metrics = asked.get().map(|handle| handle.metrics().now_or_never());
        seen.fetch_add(usize::from(matches!(metrics, Some(None))), Relaxed);
    };
    let (layer, made) = Theirs::builder()
        .on_failure(listener)
        .build_with_handle()
        .expect("valid");
    handle.set(made).ok();
    let service = layer.layer(backend());
    let_in(&service, 10, Call::Bad).await;
    let locked = locked.load(Relaxed);
    Outcome::new(locked == 0, format!("locked in {locked} of 10"))
}

async fn our_listener() -> Outcome {
    let handle = Arc::new(OnceLock::new());
    let told = Arc::new(Mutex::new(Vec::new()));
    let (asked, seen) = (handle.clone(), told.clone());
    let layer = CircuitBreakerLayer::new().observe(move |_: &Event| {
        let handle: Option<&tower_keep::circuit_breaker::CircuitBreakerHandle> = asked.get();
        let state = handle.map(|handle| handle.snapshot().state.as_str());
        seen.lock().expect("nothing panics").extend(state);
    });
    handle.set(layer.handle()).ok();
    trip(&layer.plain().layer(backend())).await;
    let told = told.lock().expect("nothing panics").join(", ");
    Outcome::new(told.contains("open"), format!("answered: {told}"))
}

situation! {
    w37_lock_held: "W37", "a listener asks the breaker how it is";
    peer "tower-resilience-circuitbreaker" => paused (their_listener);
    ours => paused(our_listener);
}

/// Bytes kept for 10 000 calls in a window of an hour.
fn kept(service: impl Guarded) -> Outcome {
    let info = allocation_counter::measure(|| {
        for _ in 0..10_000 {
            let call = unconstrained(service.clone().oneshot(Call::Good));
            black_box(call.now_or_never().map(|answer| answer.is_ok()));
        }
    });
    let kept = info.bytes_current;
    Outcome::new(kept < 1_000, format!("{kept} bytes more"))
}

async fn their_window() -> Outcome {
    let config = Theirs::builder()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(ms(3_600_000));
    kept(config.build().expect("valid").layer(backend()))
}

async fn our_window() -> Outcome {
    kept(ours(CircuitBreakerConfig {
        window: Window::Time(ms(3_600_000)),
        ..by_rate()
    }))
}

situation! {
    w38_memory_of_the_window: "W38", "10 000 calls within a time window";
    peer "tower-resilience-circuitbreaker" => paused (their_window);
    ours => paused(our_window);
}

async fn ignored() -> Outcome {
    let layer = CircuitBreakerLayer::new();
    let handle = layer.handle();
    let service = layer
        .plain()
        .classify(|_: &Result<(), Failure>| Verdict::ignored())
        .layer(backend());
    let_in(&service, 100, Call::Bad).await;
    let counted = handle.snapshot().calls;
    Outcome::new(counted == 0, format!("{counted} of 100 counted"))
}

situation! {
    w39_verdicts: "W39", "calls that say nothing about the service are to be ignored";
    peer "tower-resilience-circuitbreaker" => not_run ("its classifier returns a bool: failed or not");
    ours => paused(ignored);
}
