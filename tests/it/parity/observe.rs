//! What happens, told to whoever wants to know.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use metrics_util::debugging::DebuggingRecorder;
use tower::{ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadHandle, BulkheadLayer},
    circuit_breaker::CircuitBreakerLayer,
    context::{Context, CorrelationId},
    observe::{Decision, Event, EventKind, Metrics, Severity, override_severity},
};
use tower_keep_test::contract;
use tower_layer::Layer;

use crate::support::Log;

async fn call(layer: &BulkheadLayer) -> Result<(), BoxError> {
    let service = layer
        .clone()
        .plain()
        .layer(service_fn(|(): ()| async { Ok::<_, BoxError>(()) }));
    service.oneshot(()).await
}

/// What is logged while `work` runs.
fn logged(work: impl Future<Output = ()>) -> String {
    let log = Log::start(tracing::Level::DEBUG);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work);
    log.text()
}

fn of_the_crate(path: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    fs::read_to_string(format!("{root}/crates/tower-keep/{path}")).unwrap()
}

/// OB1: typed events with listeners.
/// One `Event` envelope for all layers; an `Observer` for one layer or for the process, or a bounded
/// `Subscription` that counts what it missed.
#[tokio::test]
async fn ob1() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let layer = BulkheadLayer::new(0).named("quotes").observe({
        let heard = heard.clone();
        move |event: &Event| heard.lock().unwrap().push(event.kind.as_str())
    });
    let mut events = layer.handle().subscribe(1);
    call(&layer).await.unwrap_err();
    call(&layer).await.unwrap_err();
    assert_eq!(*heard.lock().unwrap(), ["call_rejected"; 2]);
    assert_eq!(events.try_next().unwrap().name(), "quotes");
    assert_eq!(events.missed().0, 1);
}

/// OB2: metrics.
/// `observe::install(Metrics)`: counters, gauges and histograms of every layer through the `metrics`
/// facade, all with the labels `layer` and `name`.
#[test]
fn ob2() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let layer = BulkheadLayer::new(1).named("quotes").observe(Metrics);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(call(&layer)).unwrap();
    });
    let seen = snapshotter.snapshot().into_vec();
    assert_eq!(seen.len(), 2);
    for (key, ..) in seen {
        let labels: Vec<_> = key
            .key()
            .labels()
            .map(|label| label.key().to_owned())
            .collect();
        assert_eq!(labels, ["layer", "name"]);
    }
}

/// OB3: OpenTelemetry names and units.
/// `Metrics::ALL` has both names and the unit of each metric; those recorded are what OpenTelemetry's
/// rules for Prometheus make of the others. `Metrics::describe` tells the exporter.
#[test]
fn ob3() {
    for metric in Metrics::ALL {
        let mut name = metric.open_telemetry.replace('.', "_");
        if metric.unit == "s" {
            name.push_str("_seconds");
        }
        let total = format!("{name}_total");
        assert!(
            [name, total].contains(&metric.name.to_owned()),
            "{metric:?}"
        );
    }
    let documented: BTreeSet<_> = of_the_crate("src/observe/metrics.rs")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("/// | `")?
                .split('`')
                .next()
                .map(str::to_owned)
        })
        .collect();
    let listed = Metrics::ALL
        .iter()
        .map(|metric| metric.name.to_owned())
        .collect();
    assert_eq!(documented, listed, "the docs and the table");
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, Metrics::describe);
}

/// OB4: tracing spans and fields.
/// A span `request` with `correlation_id` and `trace_id` around each request, and every event as a line
/// with `layer`, `name`, `event` and `correlation_id`.
#[test]
fn ob4() {
    let lines = logged(async {
        let id = CorrelationId::parse("order-17").unwrap();
        let refused = Context::new(id).scope(async { call(&BulkheadLayer::new(0)).await });
        refused.await.unwrap_err();
    });
    assert!(lines.contains("request{correlation_id=order-17"), "{lines}");
    for field in ["layer=\"bulkhead\"", "event=\"call_rejected\""] {
        assert!(lines.contains(field), "{field}: {lines}");
    }
}

/// OB5: dashboards.
/// `dashboards/grafana.json` in the crate: every metric that there is, by layer and name, dry runs apart.
#[test]
fn ob5() {
    let text = of_the_crate("dashboards/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 10);
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let used: BTreeSet<_> = text
        .match_indices("tower_keep_")
        .map(|(at, _)| text[at..].split(|c| !is_name(c)).next().unwrap())
        .map(|name| name.strip_suffix("_bucket").unwrap_or(name))
        .collect();
    let there: BTreeSet<_> = Metrics::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(used, there);
}

/// OB6: severity override per event.
/// `observe::override_severity`: a rule by layer and kind of event, from silent to error.
#[test]
fn ob6() {
    // For everybody in this process, so it is about nothing that another test does.
    override_severity(|layer, kind| match kind {
        EventKind::StateChanged { reason, .. } if layer == "circuit_breaker" => {
            (reason == "reset").then_some(Severity::Error)
        }
        _ => None,
    });
    let lines = logged(async {
        let handle = CircuitBreakerLayer::new().handle();
        handle.force_open();
        handle.auto();
        call(&BulkheadLayer::new(0)).await.unwrap_err();
    });
    assert!(
        lines.contains("WARN tower_keep: circuit_breaker: closed -> open"),
        "{lines}"
    );
    assert!(
        lines.contains("DEBUG tower_keep: bulkhead: call rejected"),
        "{lines}"
    );

    let lines = logged(async {
        let layer = CircuitBreakerLayer::from_config(crate::circuit_breaker::after(1)).unwrap();
        let handle = layer.handle();
        let failing = layer.plain().layer(service_fn(|(): ()| async {
            Err::<(), BoxError>("down".into())
        }));
        failing.oneshot(()).await.unwrap_err();
        handle.reset();
    });
    assert!(
        lines.contains("ERROR tower_keep: circuit_breaker: open -> closed"),
        "{lines}"
    );
}

/// OB7: nothing to pay when nobody listens.
/// One relaxed load for each call, and no allocation: the contract of every layer counts them.
#[tokio::test]
async fn ob7() {
    contract::allocations(contract::Plain, &BulkheadLayer::new(1).plain(), 0).await;
}

/// OB8: listeners run outside locks.
/// An observer may call the layer that it observes, and steer it.
#[tokio::test]
async fn ob8() {
    let handle = Arc::new(Mutex::new(None::<BulkheadHandle>));
    let layer = BulkheadLayer::new(0).observe({
        let handle = handle.clone();
        move |event: &Event| {
            let handle = handle.lock().unwrap().take();
            if let (EventKind::CallRejected { .. }, Some(handle)) = (&event.kind, handle) {
                let mut config = handle.config();
                config.max_concurrent = 1;
                handle.update(config).unwrap();
            }
        }
    });
    *handle.lock().unwrap() = Some(layer.handle());
    call(&layer).await.unwrap_err();
    call(&layer).await.unwrap();
}

/// OB9: a listener that panics harms nobody.
/// The panic is contained, and the other listeners hear the event.
#[tokio::test]
async fn ob9() {
    let heard = Arc::new(AtomicUsize::new(0));
    let layer = BulkheadLayer::new(1)
        .observe(|_: &Event| panic!("a bug in an observer"))
        .observe({
            let heard = heard.clone();
            move |_: &Event| {
                heard.fetch_add(1, Relaxed);
            }
        });
    call(&layer).await.unwrap();
    assert_eq!(heard.load(Relaxed), 2);
}

/// OB10: an explanation for each request.
/// The `Decision`: what each layer did with this call, in the response's extensions, as one log line, a
/// span field and, for trusted callers, a `Server-Timing` header.
#[tokio::test]
async fn ob10() {
    let decision = Decision::new();
    let layer = BulkheadLayer::new(0).named("quotes");
    decision.scope(call(&layer)).await.unwrap_err();
    let entry = decision.entries().remove(0);
    let text = entry.to_string();
    assert!(
        text.ends_with("bulkhead quotes: call rejected: all 0 places are taken"),
        "{text}"
    );
}
