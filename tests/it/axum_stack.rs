//! All layers on an axum router, a method router and a handler, with no `HandleErrorLayer`.

use std::time::Duration;

use axum::{Router, handler::Handler, routing::get};
use http::StatusCode;
use tower::ServiceBuilder;
use tower_keep::{
    bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer, context,
    correlation_id::CorrelationIdLayer, health::HealthLayer, observe::Condition, retry::RetryLayer,
    timeout::TimeoutLayer,
};

use crate::support::{client, get as request, serve, text};

/// Every layer, in the order of the README. A macro, because the type of a stack is nobody's concern.
macro_rules! stack {
    () => {
        ServiceBuilder::new()
            .layer(HealthLayer::new("stack", "1.0.0"))
            .layer(CorrelationIdLayer::new())
            .layer(TimeoutLayer::new(Duration::from_secs(5)))
            .layer(RetryLayer::default())
            .layer(CircuitBreakerLayer::new())
            .layer(BulkheadLayer::new(10))
    };
}

async fn id() -> String {
    context::correlation_id().map_or_else(String::new, |id| id.to_string())
}

#[tokio::test]
async fn all_layers_stand_wherever_axum_takes_a_layer() {
    let app = Router::new()
        .route("/route", get(id))
        .route_layer(stack!())
        .route("/method", get(id).layer(stack!()))
        .route("/handler", get(id.layer(stack!())))
        .nest("/nested", Router::new().route("/", get(id)).layer(stack!()))
        .merge(Router::new().route("/router", get(id)).layer(stack!()));
    let address = serve(app).await;
    let client = client();
    for path in ["/route", "/method", "/handler", "/nested", "/router"] {
        let mut call = request(address, path);
        call.headers_mut()
            .insert("x-correlation-id", "mine".parse().unwrap());
        let response = client.request(call).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["x-correlation-id"], "mine", "{path}");
        assert_eq!(text(response).await, "mine", "{path}");
    }
}

#[tokio::test]
async fn a_refusal_deep_in_the_stack_is_an_answer_with_an_id() {
    let bulkhead = BulkheadLayer::new(0).named("closed");
    let health = HealthLayer::new("shop", "1.0.0").watch(bulkhead.handle());
    let retry = RetryLayer::default();
    let retries = retry.handle();
    let breaker = CircuitBreakerLayer::new();
    let state = breaker.handle();
    health.handle().lifecycle().ready();
    let app = Router::new().route("/", get(id)).layer(
        ServiceBuilder::new()
            .layer(health.clone())
            .layer(CorrelationIdLayer::new())
            .layer(TimeoutLayer::new(Duration::from_secs(5)))
            .layer(retry)
            .layer(breaker)
            .layer(bulkhead),
    );
    let address = serve(app).await;
    let client = client();
    for _ in 0..10 {
        let response = client.request(request(address, "/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(response.headers()["x-correlation-id"].len(), 36);
    }
    // Nobody outside takes the bulkhead's refusals for failures of the service.
    assert_eq!(retries.snapshot().retries, 0);
    assert_eq!(state.snapshot().state.as_str(), "closed");

    // And the probes do not notice, but tell.
    let probe = client.request(request(address, "/livez")).await.unwrap();
    assert_eq!(probe.status(), StatusCode::OK);
    let watched = &health.handle().snapshot().watched[0];
    assert_eq!(watched.condition, Condition::Refusing, "{watched:?}");
    let page = client.request(request(address, "/health")).await.unwrap();
    assert_eq!(page.headers()["content-type"], "application/health+json");
    let page: serde_json::Value = serde_json::from_str(&text(page).await).unwrap();
    assert_eq!(page["status"], "warn", "{page}");
}
