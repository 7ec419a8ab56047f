//! The registry over HTTP.

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerLayer, Mode},
    registry::Registry,
};

async fn ask(app: &Router, what: &str, body: &str) -> (StatusCode, Value) {
    let (method, path) = what.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (status, kind) = (
        response.status(),
        response.headers().get("content-type").cloned(),
    );
    if !status.is_success() {
        assert_eq!(kind.unwrap(), "application/problem+json");
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn it_shows_and_steers() {
    let bulkhead = BulkheadLayer::new(10).named("api");
    let breaker = CircuitBreakerLayer::new().named("payments");
    let registry = Registry::new()
        .with(bulkhead.handle())
        .with(breaker.handle());
    let app = registry.router();

    let (status, list) = ask(&app, "GET /", "").await;
    assert_eq!(status, 200);
    assert_eq!(list[0]["layer"], "bulkhead");
    assert_eq!(list[0]["config"]["max_concurrent"], 10);
    assert_eq!(list[1]["name"], "payments");
    assert_eq!(list[1]["condition"], "normal");
    assert!(
        list[1]["actions"]
            .as_array()
            .unwrap()
            .contains(&json!("force_open"))
    );

    let (_, config) = ask(&app, "GET /bulkhead/api/config", "").await;
    let mut config: Value = config;
    config["max_queue"] = json!(3);
    let (status, changed) = ask(&app, "PUT /bulkhead/api/config", &config.to_string()).await;
    assert_eq!(
        (status, &changed["changes"]),
        (StatusCode::OK, &json!("max_queue: 0 -> 3"))
    );
    let (status, _) = ask(
        &app,
        "PATCH /bulkhead/api/config",
        r#"{"max_concurrent": 4}"#,
    )
    .await;
    assert_eq!(status, 200);
    let now = bulkhead.handle().config();
    assert_eq!((now.max_concurrent, now.max_queue), (4, 3));

    let force = "POST /circuit_breaker/payments/actions/force_open";
    assert_eq!(ask(&app, force, "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(breaker.handle().snapshot().mode, Mode::ForcedOpen);
}

#[tokio::test]
async fn what_it_cannot_do_is_a_problem() {
    let bulkhead = BulkheadLayer::new(10).named("api");
    let app = Registry::new().with(bulkhead.handle()).router();
    for (what, body, status) in [
        ("GET /bulkhead/other/config", "", 404),
        ("POST /bulkhead/api/actions/explode", "", 404),
        ("PUT /bulkhead/api/config", "{", 400),
        ("PUT /bulkhead/api/config", "{}", 422),
        ("PATCH /bulkhead/api/config", r#"{"max_wait": "0s"}"#, 422),
    ] {
        let (answer, problem) = ask(&app, what, body).await;
        assert_eq!(answer.as_u16(), status, "{what}: {problem}");
        assert!(
            problem["type"]
                .as_str()
                .unwrap()
                .starts_with("urn:tower-keep:registry:")
        );
    }
    let (_, problem) = ask(&app, "PATCH /bulkhead/api/config", r#"{"max_wait": "0s"}"#).await;
    assert_eq!(problem["problems"][0]["path"], "bulkhead.api.max_wait");
    assert_eq!(bulkhead.handle().config().max_concurrent, 10);
}
