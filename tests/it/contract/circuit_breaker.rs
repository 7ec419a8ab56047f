use http::StatusCode;
use tower_keep::circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Window};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

/// Opens so late that the contract's panics do not open it.
fn patient() -> CircuitBreakerLayer {
    let config = CircuitBreakerConfig {
        consecutive_failures: None,
        min_calls: 1000,
        ..CircuitBreakerConfig::default()
    };
    CircuitBreakerLayer::from_config(config).unwrap()
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(patient, |_: &CircuitBreakerLayer| {}).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(|| patient().plain(), |_: &CircuitBreakerLayer<_>| {}).await;
}

#[tokio::test]
async fn is_one_breaker_however_axum_applies_it() {
    let make_layer = || {
        let config = CircuitBreakerConfig {
            consecutive_failures: Some(7),
            window: Window::Count(100),
            ..CircuitBreakerConfig::default()
        };
        CircuitBreakerLayer::from_config(config).unwrap()
    };
    let fails = async |_| {
        let mut response = http::Response::new(axum::body::Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    };
    let outcomes = axum_matrix::run(Load::OneByOne(20), make_layer, fails).await;
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome.hits, 7, "{outcome:?}");
    }
}
