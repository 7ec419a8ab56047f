//! The registry from outside: documents.

use std::time::Duration;

use serde_json::json;
use tower_keep::{
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::{CircuitBreakerLayer, State, Window},
    config::{Steer, SteerError},
    correlation_id::{CorrelationIdConfig, CorrelationIdLayer},
    keyed::Key,
    observe::EventKind,
    registry::{Document, Registry, RegistryError},
    retry::RetryLayer,
    timeout::TimeoutLayer,
};

fn toml(text: &str) -> Document {
    Document::from_toml(text).unwrap()
}

fn problems(result: Result<impl Sized, RegistryError>) -> Vec<(String, String)> {
    let Err(RegistryError::Refused(problems)) = result else {
        panic!("it must be refused")
    };
    let parts = |error: &SteerError| (error.path().to_owned(), error.problem().to_owned());
    problems.iter().map(parts).collect()
}

#[tokio::test(start_paused = true)]
async fn one_document_configures_every_kind_of_layer() {
    let bulkhead = BulkheadLayer::new(10).named("api");
    let breaker = CircuitBreakerLayer::new().named("payments");
    let (retry, timeout) = (
        RetryLayer::default().named("payments"),
        TimeoutLayer::default(),
    );
    let timeout = timeout.named("api");
    let registry = Registry::new()
        .with(bulkhead.handle())
        .with(breaker.handle())
        .with(retry.handle())
        .with(timeout.handle());
    let report = registry
        .apply(toml(
            r#"
            [defaults.bulkhead]
            max_queue = 5
            max_wait = "1s"
            [bases.circuit_breaker.counted]
            window = { count = 50 }
            [circuit_breaker.payments]
            inherit = "counted"
            open_for = "1s"
            unset = ["slow_call"]
            [retry.payments]
            backoff.base = "7ms"
            [bulkhead.api]
            max_queue = 6
            "#,
        ))
        .unwrap();
    let changed: Vec<_> = report
        .changed
        .iter()
        .map(|one| (one.layer.as_str(), one.changes.as_str()))
        .collect();
    assert_eq!(changed.len(), 3, "{changed:?}");
    assert_eq!(
        changed[0],
        ("bulkhead", "max_queue: 0 -> 6, max_wait: 100ms -> 1s")
    );

    let bulkhead = bulkhead.handle().config();
    assert_eq!((bulkhead.max_concurrent, bulkhead.max_queue), (10, 6));
    let breaker = breaker.handle().config();
    assert_eq!(
        (breaker.window, breaker.slow_call),
        (Window::Count(50), None)
    );
    let retry = retry.handle().config();
    assert_eq!(retry.backoff.base, Duration::from_millis(7));
    assert_eq!(retry.max_attempts, 3, "the rest of it is as it was");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_taken_out_has_no_effect_any_more() {
    let bulkhead = BulkheadLayer::new(10).named("api");
    let handle = bulkhead.handle();
    let registry = Registry::new().with(handle.clone());
    registry
        .apply(toml("bulkhead.api = { max_queue = 7, max_concurrent = 3 }"))
        .unwrap();
    registry.apply(toml("bulkhead.api.max_queue = 8")).unwrap();
    let expected = BulkheadConfig {
        max_queue: 8,
        ..BulkheadConfig::new(10)
    };
    assert_eq!(handle.config(), expected);
    let nothing = registry.apply(toml("bulkhead.api.max_queue = 8")).unwrap();
    assert!(nothing.changed.is_empty());
    registry.apply(toml("")).unwrap();
    assert_eq!(handle.config(), BulkheadConfig::new(10));
}

#[tokio::test(start_paused = true)]
async fn a_document_counts_as_a_whole_or_not_at_all() {
    let bulkhead = BulkheadLayer::new(10).named("api");
    let breaker = CircuitBreakerLayer::new().named("payments");
    breaker.handle().force_open();
    let registry = Registry::new()
        .with(bulkhead.handle())
        .with(breaker.handle());
    let mut events = registry.subscribe(8);
    let refused = registry.apply(toml(
        r#"
        [bulkhead.api]
        max_queue = 5
        max_concurent = 3
        [circuit_breaker.payments]
        failure_rate = 1.5
        "#,
    ));
    let found = problems(refused);
    assert_eq!(found[0].0, "bulkhead.api.max_concurent");
    assert!(found[0].1.contains("unknown field"), "{found:?}");
    let rate = "is 1.5: give a share from 0.0 to 1.0".to_owned();
    assert_eq!(
        found[1],
        ("circuit_breaker.payments.failure_rate".to_owned(), rate)
    );
    assert_eq!(bulkhead.handle().config(), BulkheadConfig::new(10));
    let told = events.try_next().unwrap();
    assert!(
        matches!(&told.kind, EventKind::DocumentRefused { problem, .. }
        if problem.contains("max_concurent") && problem.contains("failure_rate"))
    );

    // The type of a value, and where it is.
    let refused = registry.apply(toml("circuit_breaker.payments.window.time = 5"));
    assert_eq!(
        problems(refused)[0].0,
        "circuit_breaker.payments.window.time"
    );
    registry
        .apply(toml("circuit_breaker.payments.min_calls = 30"))
        .unwrap();
    assert_eq!(
        breaker.handle().snapshot().state,
        State::Open,
        "state stays"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_fixed_takes_everything_else_back() {
    let bulkhead = BulkheadLayer::new(10).named("api");
    let correlation = CorrelationIdLayer::from_config(CorrelationIdConfig::default())
        .unwrap()
        .named("edge");
    let registry = Registry::new()
        .with(bulkhead.handle())
        .with(correlation.handle());
    let refused = registry.apply(toml(
        r#"
        bulkhead.api.max_queue = 5
        correlation_id.edge.header = "x-other"
        "#,
    ));
    assert_eq!(problems(refused)[0].0, "correlation_id.edge.header");
    assert_eq!(bulkhead.handle().config().max_queue, 0);
}

#[test]
fn a_document_that_is_none_says_where() {
    for (text, says) in [
        ("a = 1\nb = [", "line 2"),
        ("bulkhead = 3", "`bulkhead` is not a table"),
        ("bulkhead.api = 3", "`bulkhead.api` is not a table"),
        ("bases.bulkhead.x = 3", "`bases.bulkhead.x` is not a table"),
    ] {
        let error = Document::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let error = Document::from_json("{\"a\": \n 1,}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 2"), "{error}");
    let error = Document::read("/nowhere/keep.toml").unwrap_err();
    assert!(matches!(error, RegistryError::File { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_slip_of_the_pen_is_reported() {
    let bulkhead = BulkheadLayer::new(10).named("payments");
    let registry = Registry::new().with(bulkhead.handle());
    let mut events = registry.subscribe(8);
    let document = toml("bulkhead.paymetns.max_queue = 1\nbulkhed.payments.max_queue = 1");
    let report = registry.apply(document).unwrap();
    let expected = ["bulkhead.paymetns", "bulkhed.payments"];
    assert_eq!(report.unknown, expected);
    let line = events.try_next().unwrap().to_string();
    let expected = "registry: TOML applied, 0 layers changed; \
                    there is no bulkhead.paymetns, no bulkhed.payments";
    assert_eq!(line, expected);
}

#[tokio::test(start_paused = true)]
async fn layers_come_and_go_and_each_gets_the_document_in_force() {
    let registry = Registry::new();
    let mut events = registry.subscribe(8);
    registry
        .apply(toml("defaults.bulkhead.max_queue = 4"))
        .unwrap();
    let (first, second) = (
        BulkheadLayer::new(1).named("a"),
        BulkheadLayer::new(2).named("a"),
    );
    registry.add(first.handle());
    registry.add(second.handle());
    assert_eq!(second.handle().config().max_queue, 4);
    assert_eq!(
        registry.get("bulkhead", "a").unwrap().config()["max_concurrent"],
        2
    );
    registry.remove("bulkhead", "a").unwrap();
    registry.remove("bulkhead", "a").unwrap_err();
    assert!(registry.get("bulkhead", "a").is_none());
    let mut told = Vec::new();
    while let Some(event) = events.try_next() {
        told.push(event.to_string());
    }
    let expected =
        ["a added", "a replaced", "a removed"].map(|end| format!("registry: bulkhead.{end}"));
    assert_eq!(told[1..], expected);
}

#[tokio::test(start_paused = true)]
async fn whoever_hears_of_a_change_can_ask_for_another_and_is_told_to_wait() {
    let bulkhead = BulkheadLayer::new(1).named("a");
    let registry = Registry::new().with(bulkhead.handle());
    let (told, answers) = std::sync::mpsc::channel();
    let again = registry.clone();
    let _bulkhead = bulkhead.observe(move |_: &tower_keep::observe::Event| {
        told.send(again.apply(Document::default())).unwrap();
    });
    registry.apply(toml("bulkhead.a.max_queue = 1")).unwrap();
    assert_eq!(answers.recv().unwrap(), Err(RegistryError::Busy));
    registry.apply(toml("")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_environment_overrides_every_document() {
    let bulkhead = BulkheadLayer::new(1).named("api");
    let breaker = CircuitBreakerLayer::new().named("api");
    let vars = [
        ("APP__BULKHEAD__API__MAX_QUEUE", "9"),
        ("APP__CIRCUIT_BREAKER__API__WINDOW__COUNT", "33"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let registry = Registry::new()
        .with(bulkhead.handle())
        .with(breaker.handle())
        .overridden_by(Document::from_vars("APP", vars).unwrap());
    let text = "bulkhead.api = { max_queue = 1, max_concurrent = 3 }\n\
                circuit_breaker.api.window.time = '3s'";
    registry.apply(toml(text)).unwrap();
    let config = bulkhead.handle().config();
    assert_eq!((config.max_queue, config.max_concurrent), (9, 3));
    assert_eq!(breaker.handle().config().window, Window::Count(33));
}

#[tokio::test(start_paused = true)]
async fn single_keys_of_a_keyed_layer_have_configurations_of_their_own() {
    let layer = BulkheadLayer::new(10)
        .named("tenants")
        .keyed(Key::header("x-tenant"));
    let handle = layer.handle();
    let registry = Registry::new().with(handle.clone());
    let document = "[bulkhead.tenants]\nmax_concurrent = 5\nkeys.acme.max_queue = 50";
    registry.apply(toml(document)).unwrap();
    let own = &Steer::config(&handle)["keys"]["acme"];
    assert_eq!(
        (&own["max_queue"], &own["max_concurrent"]),
        (&json!(50), &json!(5))
    );
    assert!(registry.apply(toml(document)).unwrap().changed.is_empty());

    let refused = registry.apply(toml("bulkhead.tenants.keys.acme.max_queu = 50"));
    assert_eq!(
        problems(refused)[0].0,
        "bulkhead.tenants.keys.acme.max_queu"
    );
    registry.apply(toml("")).unwrap();
    assert_eq!(Steer::config(&handle).get("keys"), None);
    assert_eq!(handle.config().max_concurrent, 10);
}

#[test]
#[should_panic(expected = "a bulkhead without a name")]
fn a_layer_without_a_name_is_a_mistake() {
    Registry::new().add(BulkheadLayer::new(1).handle());
}
