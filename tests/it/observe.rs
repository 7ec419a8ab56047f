//! Events, and who hears them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::CircuitBreakerLayer,
    observe::{Event, EventKind, Metrics, Missed, Observer},
};

use crate::support::Log;

async fn call(layer: BulkheadLayer) -> Result<u64, BoxError> {
    let service = service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
    ServiceBuilder::new()
        .layer(layer.plain())
        .service(service)
        .oneshot(7)
        .await
}

#[tokio::test]
async fn an_observer_hears_each_call_of_its_layer_only() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let layer = BulkheadLayer::new(1).named("loud").observe({
        let heard = heard.clone();
        move |event: &Event| heard.lock().unwrap().push(event.to_string())
    });
    call(BulkheadLayer::new(1).named("quiet")).await.unwrap();
    call(layer).await.unwrap();
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "bulkhead loud: call admitted after 0ns",
            "bulkhead loud: call gave its place back"
        ]
    );
}

#[tokio::test]
async fn an_observer_that_panics_harms_nobody() {
    let after = Arc::new(AtomicUsize::new(0));
    let layer = BulkheadLayer::new(1)
        .observe(|_: &Event| panic!("a bug in an observer"))
        .observe({
            let after = after.clone();
            move |_: &Event| {
                after.fetch_add(1, Relaxed);
            }
        });
    call(layer.clone()).await.unwrap();
    assert_eq!(after.load(Relaxed), 2, "the others hear it all the same");
    assert_eq!(layer.handle().snapshot().running, 0);
}

#[tokio::test]
async fn a_slow_subscriber_misses_events_and_is_told_how_many() {
    let layer = BulkheadLayer::new(0);
    let handle = layer.handle();
    let mut events = handle.subscribe(2);
    for _ in 0..5 {
        call(layer.clone()).await.unwrap_err();
    }
    assert_eq!(events.missed(), Missed(3));
    assert_eq!(events.missed(), Missed(0));
    assert!(matches!(
        events.next().await.unwrap().kind,
        EventKind::CallRejected { .. }
    ));
    assert!(events.try_next().is_some());
    assert!(events.try_next().is_none());

    // Gone with the layer, so that a task that listens ends.
    drop((layer, handle));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn an_observer_that_is_done_is_forgotten() {
    struct Once(Arc<AtomicUsize>);
    impl Observer for Once {
        fn on_event(&self, _: &Event) {
            self.0.fetch_add(1, Relaxed);
        }
        fn is_done(&self) -> bool {
            true
        }
    }
    let heard = Arc::new(AtomicUsize::new(0));
    let layer = BulkheadLayer::new(0).observe(Once(heard.clone()));
    for _ in 0..3 {
        call(layer.clone()).await.unwrap_err();
    }
    assert_eq!(heard.load(Relaxed), 1);
}

#[tokio::test]
async fn subscriptions_that_ended_do_not_pile_up_while_nothing_happens() {
    struct Done(Arc<()>);
    impl Observer for Done {
        fn on_event(&self, _: &Event) {}
        fn is_done(&self) -> bool {
            Arc::strong_count(&self.0) > 0
        }
    }
    let alive = Arc::new(());
    let mut layer = BulkheadLayer::new(0);
    for _ in 0..100 {
        layer = layer.observe(Done(alive.clone()));
    }
    drop(layer.handle().subscribe(1));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn metrics_have_the_names_and_labels_of_the_docs() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let layer = BulkheadLayer::new(1).named("quotes").observe(Metrics);
            call(layer.clone()).await.unwrap();
            layer.handle().update(BulkheadConfig::new(0)).unwrap();
            call(layer).await.unwrap_err();
        });
    });
    let seen: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let (_, key) = key.into_parts();
            let labels: Vec<_> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let value = match value {
                DebugValue::Counter(n) => n.to_string(),
                DebugValue::Gauge(n) => n.to_string(),
                DebugValue::Histogram(values) => format!("{} values", values.len()),
            };
            format!("{}{{{}}} {value}", key.name(), labels.join(","))
        })
        .collect();
    let mut seen = seen;
    seen.sort();
    assert_eq!(
        seen,
        [
            "tower_keep_in_flight{layer=bulkhead,name=quotes} 0",
            "tower_keep_queue_wait_seconds{layer=bulkhead,name=quotes} 1 values",
            "tower_keep_rejections_total{layer=bulkhead,name=quotes,reason=bulkhead_full,enforced=true} 1",
        ]
    );
}

#[test]
fn log_lines_are_as_loud_as_the_event_is_rare() {
    let log = Log::start(tracing::Level::DEBUG);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bulkhead = BulkheadLayer::new(0).named("quotes");
        call(bulkhead.clone()).await.unwrap_err();
        bulkhead.handle().update(BulkheadConfig::new(1)).unwrap();
        call(bulkhead).await.unwrap();
        let breaker = CircuitBreakerLayer::new().named("quotes").handle();
        breaker.force_open();
        breaker.auto();
    });
    let lines = log.text();
    let of_layers: Vec<_> = lines
        .lines()
        .map(|line| line.split(" layer=").next().unwrap().trim())
        .collect();
    assert_eq!(
        of_layers,
        [
            "DEBUG tower_keep: bulkhead quotes: call rejected: all 0 places are taken",
            "INFO tower_keep: bulkhead quotes: configuration updated: max_concurrent: 0 -> 1",
            "WARN tower_keep: circuit_breaker quotes: closed -> open (forced open)",
            "INFO tower_keep: circuit_breaker quotes: open -> closed (automatic again)",
        ],
        "{lines}"
    );
}
