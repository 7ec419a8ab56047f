//! What is about a whole project: what it has not, its examples, its tests.

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    keyed::Key,
    registry::Registry,
};

use crate::case::{Case, Outcome, situation};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        w20_readme::case(),
        w40_keys_and_reload::case(),
        w41_example::case(),
        w42_tests::case(),
    ]
}

situation! {
    w20_readme: "W20b", "the snippets of the README compile";
    peer "tower-resilience-circuitbreaker" => not_run ("the README of the umbrella crate, which is no dependency");
    ours => not_run ("they are doctests of the crate");
}

async fn backend(request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let mut response = Response::new(Body::empty());
    if request.uri().host() == Some("down") {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

/// One breaker a host, and all of them opened later by one more failure, while they run.
async fn by_host() -> Outcome {
    let layer = CircuitBreakerLayer::new()
        .named("upstream")
        .keyed(Key::host());
    let registry = Registry::new().with(layer.handle());
    let service = layer.layer(service_fn(backend));
    let mut status = Vec::new();
    for host in ["down", "up"] {
        let mut last = 0;
        for _ in 0..20 {
            let request = Request::get(format!("http://{host}/")).body(Body::empty());
            let answer = service
                .clone()
                .oneshot(request.expect("it is a request"))
                .await;
            last = answer.map_or(0, |answer| answer.status().as_u16());
        }
        status.push(last);
    }
    let patient = CircuitBreakerConfig {
        consecutive_failures: Some(50),
        ..layer.handle().config()
    };
    let updated = layer.handle().update(patient).is_ok();
    drop(registry);
    Outcome::new(
        status == [503, 200] && updated,
        format!("down: {}, up: {}", status[0], status[1]),
    )
}

situation! {
    w40_keys_and_reload: "W40", "a breaker for each host, changed while it runs; one host is down";
    peer "tower-resilience-circuitbreaker" => not_run ("no keys, no registry, no reload");
    ours => paused (by_host);
}

situation! {
    w41_example: "W41", "the example for axum shows the layers at work";
    peer "tower-resilience-chaos" => not_run ("an example of its repository");
    ours => not_run ("CI runs `examples/` and the shop");
}

situation! {
    w42_tests: "W42", "tests that can fail, in paused time, under every interleaving";
    peer "tower-resilience-core" => not_run ("about its tests");
    ours => not_run ("about ours: `tests/`, `fuzz/`, the models under loom");
}
