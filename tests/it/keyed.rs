//! Keyed layers from outside: who shares what, and how they are steered.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use metrics_util::debugging::DebuggingRecorder;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::{BulkheadConfig, BulkheadLayer},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, State},
    keyed::{Key, KeyOf},
    observe::{Condition, Event, Metrics, Watch},
    rejection::{Kind, Rejection},
    retry::RetryLayer,
};
use tower_service::Service;

fn to(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn of_tenant(tenant: &str) -> Request<Body> {
    let mut request = to("/");
    let value = tenant.parse().unwrap();
    request.headers_mut().insert("x-tenant", value);
    request
}

/// Answers 200, or 500 where the host is `down`.
async fn service(request: Request<Body>) -> Result<http::Response<Body>, BoxError> {
    let mut response = http::Response::new(Body::from("holds its place"));
    if request.uri().host() == Some("down") {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

#[tokio::test]
async fn a_tenant_that_fills_its_bulkhead_fills_nobody_elses() {
    let layer = BulkheadLayer::new(1).keyed(Key::header("x-tenant"));
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .service(service_fn(service));
    let first = service.call(of_tenant("a")).await.unwrap();
    let second = service.call(of_tenant("a")).await.unwrap();
    let rejection = Rejection::of(&second).unwrap();
    assert_eq!(*rejection.kind(), Kind::BulkheadFull { limit: 1 });
    let other = service.call(of_tenant("b")).await.unwrap();
    assert_eq!(other.status(), 200);

    let handle = layer.handle();
    let mut keys = handle.keys();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(handle.get("a").unwrap().snapshot().refused, 1);
    drop((first, other));
    assert_eq!(handle.get("a").unwrap().snapshot().running, 0);
    assert!(handle.get("nobody").is_none());
}

#[tokio::test]
async fn calls_without_a_key_share_one() {
    let layer = BulkheadLayer::new(1).keyed(Key::header("x-tenant"));
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .service(service_fn(service));
    let running = service.call(to("/")).await.unwrap();
    let long = "x".repeat(257);
    for request in [to("/"), of_tenant(""), of_tenant(&long)] {
        let refused = service.call(request).await.unwrap();
        assert!(Rejection::of(&refused).is_some(), "no way around the limit");
    }
    let handle = layer.handle();
    assert_eq!(handle.shared().snapshot().running, 1);
    assert!(handle.keys().is_empty());
    drop(running);
}

#[tokio::test]
async fn a_host_that_is_down_opens_no_other_hosts_breaker() {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..CircuitBreakerConfig::default()
    };
    let layer = CircuitBreakerLayer::from_config(config).unwrap();
    let layer = layer.named("upstream").keyed(Key::host());
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .service(service_fn(service));
    for _ in 0..3 {
        for host in ["http://down/", "http://up/"] {
            service.call(to(host)).await.unwrap();
        }
    }
    let refused = service.call(to("http://DOWN:80/")).await.unwrap();
    assert!(Rejection::of(&refused).is_some(), "the same host");
    let answer = service.call(to("http://up/")).await.unwrap();
    assert_eq!(answer.status(), 200);

    let handle = layer.handle();
    assert_eq!(handle.get("down").unwrap().snapshot().state, State::Open);
    assert_eq!(handle.get("up").unwrap().snapshot().state, State::Closed);
    let vitals = handle.vitals();
    assert_eq!(
        (vitals.layer, &*vitals.name),
        ("circuit_breaker", "upstream")
    );
    assert_eq!(vitals.condition, Condition::Strained);
    assert!(vitals.summary.ends_with("such as down"), "{vitals:?}");
}

#[test]
fn a_host_is_one_key_however_it_is_written() {
    let key = Key::host();
    for (uri, expected) in [
        ("http://A.example/x", "a.example"),
        ("http://a.example:80/", "a.example"),
        ("http://user:pw@a.example:8080/", "a.example:8080"),
        ("https://a.example:443/", "a.example"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ] {
        assert_eq!(key.key_of(&to(uri)).as_deref(), Some(expected), "{uri}");
    }
    let mut request = to("/path");
    assert_eq!(key.key_of(&request), None);
    request
        .headers_mut()
        .insert("host", "B.example".parse().unwrap());
    assert_eq!(key.key_of(&request).as_deref(), Some("b.example"));
    request
        .headers_mut()
        .insert("host", "no host".parse().unwrap());
    assert_eq!(key.key_of(&request), None);
}

#[tokio::test]
async fn a_route_is_a_key_and_a_scan_for_paths_is_one() {
    let layer = BulkheadLayer::new(1).keyed(Key::route());
    let handle = layer.handle();
    let app = Router::new()
        .route("/orders/{id}", get(|| async {}))
        .route("/carts/{id}", get(|| async {}))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(layer);
    for path in ["/orders/1", "/orders/2", "/carts/1", "/.env", "/wp-admin"] {
        let _ = app.clone().oneshot(to(path)).await.unwrap();
    }
    let mut keys = handle.keys();
    keys.sort();
    assert_eq!(keys, ["/carts/{id}", "/orders/{id}"]);
}

#[tokio::test]
async fn a_new_configuration_reaches_every_key_but_those_with_their_own() {
    let layer = BulkheadLayer::new(1)
        .named("tenants")
        .keyed(Key::header("x-tenant"))
        .with_key("big", BulkheadConfig::new(50))
        .unwrap();
    let handle = layer.handle();
    let mut service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(service));
    let running = service.call(of_tenant("old")).await.unwrap();
    drop(service.call(of_tenant("big")).await.unwrap());
    let mut events = handle.shared().subscribe(8);

    handle.update(BulkheadConfig::new(2)).unwrap();
    let limit = |key: &str| handle.get(key).unwrap().config().max_concurrent;
    assert_eq!((limit("old"), limit("big")), (2, 50));
    assert_eq!(
        handle.get("old").unwrap().snapshot().running,
        1,
        "state stays"
    );
    drop(service.call(of_tenant("new")).await.unwrap());
    assert_eq!(limit("new"), 2);
    let told = events.try_next().unwrap().to_string();
    let expected = "bulkhead tenants: configuration updated: max_concurrent: 1 -> 2";
    assert_eq!(told, expected, "told once, not for each key");
    assert!(events.try_next().is_none());

    handle.update_key("big", None).unwrap();
    assert_eq!(limit("big"), 2);
    handle
        .update_key("later", Some(BulkheadConfig::new(7)))
        .unwrap();
    drop(service.call(of_tenant("later")).await.unwrap());
    assert_eq!(limit("later"), 7);
    let wrong = BulkheadConfig::new(usize::MAX);
    assert_eq!(handle.update(wrong).unwrap_err().field(), "max_concurrent");
    assert_eq!(limit("old"), 2);
    drop(running);
}

#[test]
fn events_carry_the_key_and_metrics_do_not() {
    let recorder = DebuggingRecorder::new();
    let seen = recorder.snapshotter();
    let heard = Arc::new(Mutex::new(Vec::new()));
    metrics::with_local_recorder(&recorder, || {
        let layer = BulkheadLayer::new(0)
            .named("tenants")
            .observe(Metrics)
            .observe({
                let heard = heard.clone();
                move |event: &Event| heard.lock().unwrap().push(event.clone())
            })
            .keyed(Key::header("x-tenant"));
        let mut service = ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(service));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        for tenant in ["a", "b", "c"] {
            runtime.block_on(service.call(of_tenant(tenant))).unwrap();
        }
    });
    let heard = heard.lock().unwrap();
    let keys: Vec<_> = heard.iter().map(|event| event.key().unwrap()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    let line = heard[0].to_string();
    assert!(
        line.starts_with("bulkhead tenants [a]: call rejected"),
        "{line}"
    );
    let series = seen.snapshot().into_vec();
    assert_eq!(series.len(), 1, "one for all keys: {series:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_budget_for_each_host() {
    let layer = RetryLayer::default()
        .same_body(Body::new)
        .keyed(Key::host());
    let handle = layer.handle();
    let service =
        ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(|request: Request<Body>| {
                let down = request.uri().host() == Some("down");
                async move {
                    let status = if down { 503 } else { 200 };
                    let response = http::Response::builder().status(status);
                    Ok::<_, BoxError>(response.body(Body::empty())?)
                }
            }));
    for _ in 0..200 {
        let _ = service.clone().oneshot(to("http://down/")).await.unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    drop(service.oneshot(to("http://up/")).await.unwrap());
    let left = |host: &str| handle.get(host).unwrap().snapshot().budget;
    assert!(left("up") > 99.0, "{}", left("up"));
    assert!(left("down") < 99.0, "{}", left("down"));
}
