//! All layers by name: one document, one console.

use std::{fs, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadHandle, BulkheadLayer},
    circuit_breaker::{CircuitBreakerHandle, CircuitBreakerLayer, Mode, State},
    keyed::Key,
    observe::EventKind,
    registry::{Document, Registry, RegistryError},
};

/// A bulkhead and a breaker of the name `api`.
fn api() -> (Registry, BulkheadHandle, CircuitBreakerHandle) {
    let bulkhead = BulkheadLayer::new(10).named("api").handle();
    let breaker = CircuitBreakerLayer::new().named("api").handle();
    let registry = Registry::new();
    registry.add(bulkhead.clone());
    registry.add(breaker.clone());
    (registry, bulkhead, breaker)
}

fn toml(text: &str) -> Document {
    Document::from_toml(text).unwrap()
}

/// RG1: a registry of named layers, with defaults, shared bases and inheritance.
/// `Registry` by layer and name; `[defaults.<layer>]`, `[bases.<layer>.<base>]` with `inherit`, `[<layer>.<name>]`, over what code says.
#[tokio::test(start_paused = true)]
async fn rg1() {
    let (registry, bulkhead, _) = api();
    let document = r#"
        defaults.bulkhead = { max_concurrent = 1, max_queue = 1, max_wait = "1s" }
        bases.bulkhead.large = { max_concurrent = 2, max_queue = 2 }
        bases.bulkhead.larger = { inherit = "large", max_queue = 3 }
        bulkhead.api = { inherit = "larger", max_concurrent = 4 }
    "#;
    registry.apply(toml(document)).unwrap();
    let now = bulkhead.config();
    assert_eq!((now.max_concurrent, now.max_queue), (4, 3));
    assert_eq!(now.max_wait, Duration::from_secs(1));
}

/// RG2: events when a layer is added, removed or replaced.
/// `EventKind::HandleChanged`, through `Registry::subscribe` or an observer.
#[tokio::test(start_paused = true)]
async fn rg2() {
    let (registry, bulkhead, _) = api();
    let mut events = registry.subscribe(8);
    registry.add(bulkhead);
    registry.remove("bulkhead", "api").unwrap();
    for expected in ["replaced", "removed"] {
        let event = events.try_next().unwrap();
        let EventKind::HandleChanged { handle, change } = event.kind else {
            panic!("{event}")
        };
        assert_eq!((&*handle, change), ("bulkhead.api", expected));
    }
}

/// RG3: keys that are not known before make their own instances.
/// `keyed`, bounded; in the registry it is one entry, with `keys.<key>` for those that differ.
#[tokio::test(start_paused = true)]
async fn rg3() {
    let layer = BulkheadLayer::new(10)
        .named("tenants")
        .keyed(Key::header("x-tenant"));
    let handle = layer.handle();
    let registry = Registry::new().with(handle.clone());
    registry
        .apply(toml(
            "bulkhead.tenants = { max_concurrent = 5, keys.acme.max_concurrent = 50 }",
        ))
        .unwrap();
    let mut service = layer.layer(service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(http::Response::new(Body::empty()))
    }));
    for tenant in ["acme", "other"] {
        let request = Request::get("/")
            .header("x-tenant", tenant)
            .body(Body::empty());
        service.call(request.unwrap()).await.unwrap();
    }
    let limit = |key| handle.get(key).unwrap().config().max_concurrent;
    assert_eq!((limit("acme"), limit("other")), (50, 5));
}

/// RG4: configuration reloaded while running.
/// `Registry::watch(file, every)`; all state is kept, and `ConfigUpdated` says what is different.
#[tokio::test(start_paused = true)]
async fn rg4() {
    let (registry, bulkhead, breaker) = api();
    breaker.force_open();
    let place = bulkhead.acquire().await.unwrap();
    let mut events = bulkhead.subscribe(8);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keep.toml");
    fs::write(&file, "bulkhead.api.max_queue = 5").unwrap();
    let watch = tokio::spawn(registry.watch(file, Duration::from_secs(1)));
    let told = events.next().await.unwrap().to_string();
    assert_eq!(
        told,
        "bulkhead api: configuration updated: max_queue: 0 -> 5"
    );
    assert_eq!(bulkhead.snapshot().running, 1);
    assert_eq!(breaker.snapshot().state, State::Open);
    watch.abort();
    drop(place);
}

/// RG5: a reload that fails keeps the old configuration and reports.
/// As a whole or not at all; `RegistryError::Refused` has every mistake with its path, and so does `DocumentRefused`.
#[tokio::test(start_paused = true)]
async fn rg5() {
    let (registry, bulkhead, _) = api();
    let mut events = registry.subscribe(8);
    let text = "bulkhead.api.max_queue = 5\ncircuit_breaker.api.failure_rate = 5";
    let error = registry.apply(toml(text)).unwrap_err().to_string();
    assert!(
        error.starts_with("`circuit_breaker.api.failure_rate` is 5"),
        "{error}"
    );
    assert_eq!(bulkhead.config(), BulkheadConfig::new(10));
    let event = events.try_next().unwrap();
    assert!(matches!(event.kind, EventKind::DocumentRefused { .. }));
}

/// RG6: configuration from files, the environment and serde.
/// TOML and JSON files, variables such as `APP__BULKHEAD__API__MAX_QUEUE`; every configuration is a serde type.
#[tokio::test(start_paused = true)]
async fn rg6() {
    let (registry, bulkhead, _) = api();
    let variable = ("APP__BULKHEAD__API__MAX_WAIT".to_owned(), "2s".to_owned());
    let registry = registry.overridden_by(Document::from_vars("APP", [variable]).unwrap());
    let json = r#"{"bulkhead": {"api": {"max_queue": 3, "max_wait": "1s"}}}"#;
    registry.apply(Document::from_json(json).unwrap()).unwrap();
    let now = bulkhead.config();
    assert_eq!((now.max_queue, now.max_wait), (3, Duration::from_secs(2)));
    let text = serde_json::to_string(&now).unwrap();
    assert_eq!(serde_json::from_str::<BulkheadConfig>(&text).unwrap(), now);
}

/// RG7: an API for operators to look and to force.
/// `Registry::router()`, an axum router: list, read and change configurations, actions such as `force_open`; for an internal port.
#[tokio::test]
async fn rg7() {
    let (registry, _, breaker) = api();
    let app = registry.router();
    let force = Request::post("/circuit_breaker/api/actions/force_open").body(Body::empty());
    let answer = app.clone().oneshot(force.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(breaker.snapshot().mode, Mode::ForcedOpen);
    let list = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(list).await.unwrap().status(), StatusCode::OK);
}

/// RG8: errors of validation as typed values.
/// `ConfigError` with layer and field in code; `RegistryError` with a path for each mistake in a document.
#[tokio::test(start_paused = true)]
async fn rg8() {
    let wrong = BulkheadConfig {
        max_wait: Duration::ZERO,
        ..BulkheadConfig::new(1)
    };
    let error = BulkheadLayer::from_config(wrong).unwrap_err();
    assert_eq!((error.layer(), error.field()), ("bulkhead", "max_wait"));
    let (registry, ..) = api();
    let refused = registry.apply(toml(
        "bulkhead.api.max_wait = '0s'\ncircuit_breaker.api.x = 1",
    ));
    let Err(RegistryError::Refused(problems)) = refused else {
        panic!("{refused:?}")
    };
    let paths: Vec<_> = problems.iter().map(|problem| problem.path()).collect();
    assert_eq!(paths, ["bulkhead.api.max_wait", "circuit_breaker.api.x"]);
}
