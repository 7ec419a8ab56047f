//! What is seen of the work from outside: spans, and how long things took.

use std::{
    fmt::{self, Write},
    sync::{Arc, LazyLock, Mutex},
};

use tower_keep::context::{self, CorrelationId, TraceParent};
use tower_keep_durable::{
    Bus, Db, Outbox,
    db::Schema,
    outbox::RelayConfig,
    saga::{Fault, Script, StepName, Verb, Worker},
};
use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

use crate::{
    consumer::consumer,
    effects::{Effect, Ends, Trouble},
    saga::{Shop, Step},
    support::{Recorder, event},
};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What is heard on this thread: a line for each span, with what is recorded of it later, and for each
/// event.
///
/// Not what is known when a span is closed: one that is closed on another thread, as a connection to
/// SQLite does, closes its parent with the subscriber of that thread, which is not this one.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

#[derive(Clone)]
struct Line {
    /// None: an event.
    span: Option<Id>,
    text: String,
}

impl Lines {
    fn listen() -> (Self, DefaultGuard) {
        // With a second one about, `tracing` asks all of them who is interested in a place. Of one alone
        // it takes that of the thread that comes by first, and other tests come by here too.
        static SECOND: LazyLock<Dispatch> =
            LazyLock::new(|| Dispatch::new(NoSubscriber::default()));
        LazyLock::force(&SECOND);
        let lines = Self::default();
        let subscriber = Registry::default().with(lines.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        tracing::callsite::rebuild_interest_cache();
        (lines, guard)
    }

    /// All spans of this name, in the order in which they began.
    fn spans(&self, name: &str) -> Vec<String> {
        let begins = format!("{name} ");
        let lines = self.0.lock().unwrap();
        let spans = lines.iter().filter(|line| line.span.is_some());
        let spans = spans.filter(|line| line.text.starts_with(&begins));
        spans.map(|line| line.text.clone()).collect()
    }

    fn events(&self) -> String {
        let lines = self.0.lock().unwrap();
        let events = lines.iter().filter(|line| line.span.is_none());
        events
            .map(|line| &*line.text)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut text = attributes.metadata().name().to_owned();
        attributes.record(&mut Fields(&mut text));
        let span = Some(id.clone());
        self.0.lock().unwrap().push(Line { span, text });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut lines = self.0.lock().unwrap();
        // The last one: numbers are used again.
        let line = lines
            .iter_mut()
            .rfind(|line| line.span.as_ref() == Some(id));
        values.record(&mut Fields(&mut line.expect("it was new once").text));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = String::new();
        event.record(&mut Fields(&mut text));
        self.0.lock().unwrap().push(Line { span: None, text });
    }
}

/// Writes fields as people read them in a log.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.unwrap();
    }
}

fn has(line: &str, fields: &[&str]) {
    for field in fields {
        assert!(line.contains(field), "{field} in {line}");
    }
}

const SCHEMAS: [Schema; 5] = crate::effects::SCHEMAS;

async fn a_batch_and_an_event_have_spans(db: Db) {
    let (lines, _guard) = Lines::listen();
    let (outbox, bus) = (Outbox::new(db.clone()), Recorder::default());
    let relay = outbox.relay(Bus::new(bus.clone()), RelayConfig::default());
    bus.refuse("bad");
    let mut tx = db.begin_write().await.unwrap();
    for id in ["1", "bad"] {
        outbox.append(&mut tx, &event(id, id)).await.unwrap();
    }
    tx.commit().await.unwrap();
    relay.pass().await.unwrap();
    assert_eq!(relay.pass().await.unwrap().sent, 0);
    let spans = lines.spans("relay_batch");
    let [span] = spans.try_into().expect("none of nothing");
    has(&span, &["events=2 sent=1 refused=1 outcome=\"confirmed\""]);

    let (handler, ends) = (Effect::default(), Ends::default());
    handler.trouble("2", Trouble::Transient, 1);
    let consumer = consumer(&db, &handler);
    for id in ["1", "2"] {
        let event = event(id, "a").with("traceparent", TRACE);
        consumer.handle(ends.deliver(&event)).await.unwrap();
    }
    let [one, two] = lines.spans("handle_event").try_into().unwrap();
    let place = "trace_id=0af7651916cd43dd8448eb211c80319c parent_id=b7ad6b7169203331";
    has(
        &one,
        &[
            "consumer=\"effects\" id=\"1\"",
            place,
            "outcome=\"handled\"",
        ],
    );
    has(&two, &["id=\"2\"", "outcome=\"again\""]);
}

async fn a_try_of_a_saga_has_a_span_in_the_trace_of_who_started_it(db: Db) {
    let (lines, _guard) = Lines::listen();
    let mut shop = Shop::new(db).await;
    let step = Step::ReserveStock;
    let script = Script::first([Some(Fault::LoseReply)]);
    shop.faults.inject(step.name(), Verb::Run, script);
    let trace = TraceParent::parse(TRACE).unwrap();
    let context = context::Context::traced(CorrelationId::parse("flow-7").unwrap(), trace);
    let id = context.scope(shop.order()).await;
    Worker::new(&shop.sagas).measure().await.unwrap();
    shop.drain().await;
    let spans = lines.spans("saga_attempt");
    assert_eq!(spans.len(), Step::ALL.len() + 1, "{spans:?}");
    for span in &spans {
        has(
            span,
            &[
                &format!("plan=\"place-order/v1\" id=\"{id}\""),
                "correlation_id=\"flow-7\"",
                "trace_id=0af7651916cd43dd8448eb211c80319c parent_id=b7ad6b7169203331",
            ],
        );
    }
    has(
        &spans[1],
        &[
            "step=\"reserve-stock\" verb=\"run\" attempt=1",
            "outcome=\"unknown\"",
        ],
    );
    has(
        &spans[2],
        &[
            "step=\"reserve-stock\" verb=\"run\" attempt=2",
            "outcome=\"done\"",
        ],
    );
    // A worker that knows no plan said so.
    has(
        &lines.events(),
        &["sagas of plans that this worker does not know are left to others sagas=1"],
    );
}

#[cfg(feature = "metrics")]
mod histograms {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    /// The histograms, as `name{label=value}` with how many values there are.
    fn found(recorder: &DebuggingRecorder) -> Vec<(String, usize)> {
        let all = recorder.snapshotter().snapshot().into_vec();
        let all = all.into_iter().filter_map(|(key, _, _, value)| {
            let DebugValue::Histogram(values) = value else {
                return None;
            };
            assert!(
                values
                    .iter()
                    .all(|seconds| (0.0..600.0).contains(&seconds.0))
            );
            let (name, labels) = key.key().clone().into_parts();
            let labels = labels
                .iter()
                .map(|label| format!("{}={}", label.key(), label.value()));
            let labels: Vec<_> = labels.collect();
            Some((
                format!("{}{{{}}}", name.as_str(), labels.join(",")),
                values.len(),
            ))
        });
        let mut all: Vec<_> = all.collect();
        all.sort();
        all
    }

    fn count(found: &[(String, usize)], of: &str) -> usize {
        let found = found.iter().filter(|(name, _)| name.starts_with(of));
        found.map(|(_, count)| count).sum()
    }

    #[tokio::test]
    async fn what_takes_time_is_measured() {
        let recorder = DebuggingRecorder::new();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let file = tower_keep_durable::testing::TestDb::sqlite(&SCHEMAS).await;
        let (handler, ends) = (Effect::default(), Ends::default());
        consumer(&file.db, &handler)
            .handle(ends.deliver(&event("1", "a")))
            .await
            .unwrap();
        let outbox = Outbox::new(file.db.clone());
        let mut tx = file.db.begin_write().await.unwrap();
        outbox.append(&mut tx, &event("1", "a")).await.unwrap();
        tx.commit().await.unwrap();
        let bus = Bus::new(Recorder::default());
        outbox
            .relay(bus, RelayConfig::default())
            .pass()
            .await
            .unwrap();
        let orders = tower_keep_durable::testing::TestDb::sqlite(&crate::saga::SCHEMAS).await;
        let mut shop = Shop::new(orders.db.clone()).await;
        shop.order().await;
        shop.drain().await;
        let found = found(&recorder);
        for (of, times) in [
            (
                "tower_keep_event_handle_seconds{consumer=effects,outcome=handled}",
                1,
            ),
            ("tower_keep_outbox_publish_seconds{outcome=confirmed}", 1),
            (
                "tower_keep_saga_attempt_seconds{saga=place-order,step=ship,event=done}",
                1,
            ),
            (
                "tower_keep_saga_attempt_seconds{saga=place-order,",
                Step::ALL.len(),
            ),
            (
                "tower_keep_saga_seconds{saga=place-order,status=completed}",
                1,
            ),
        ] {
            assert_eq!(count(&found, of), times, "{of} in {found:?}");
        }
    }
}

#[tokio::test]
async fn a_batch_and_an_event_are_seen() {
    let file = tower_keep_durable::testing::TestDb::sqlite(&SCHEMAS).await;
    a_batch_and_an_event_have_spans(file.db.clone()).await;
}

#[tokio::test]
async fn a_try_of_a_saga_is_seen() {
    let file = tower_keep_durable::testing::TestDb::sqlite(&crate::saga::SCHEMAS).await;
    a_try_of_a_saga_has_a_span_in_the_trace_of_who_started_it(file.db.clone()).await;
}
