//! The registry over a restart.

use std::time::Duration;

use http::Request;
use serde_json::json;
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Mode, State},
    keyed::Key,
    protocol::Plain,
    rate_limit::{Rate, RateLimitLayer},
    registry::{Registry, RegistryError},
    retry::RetryLayer,
};

fn breaker() -> CircuitBreakerLayer<Plain> {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        open_for: Duration::from_secs(20),
        ..CircuitBreakerConfig::default()
    };
    let layer = CircuitBreakerLayer::from_config(config).unwrap();
    layer.named("payments").plain()
}

async fn fail(layer: &CircuitBreakerLayer<Plain>, times: usize) {
    let mut service = layer.layer(service_fn(|_: ()| async {
        Err::<(), BoxError>("down".into())
    }));
    for _ in 0..times {
        service.call(()).await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_open_for_what_is_left() {
    for (seconds, expected) in [
        (4, State::Open),
        (21, State::HalfOpen),
        (120, State::Closed),
    ] {
        let layer = breaker();
        fail(&layer, 3).await;
        let left = layer.handle().snapshot().open_for.unwrap();
        let text = serde_json::to_string(&Registry::new().with(layer.handle()).save()).unwrap();
        let (handle, saved) = (breaker().handle(), serde_json::from_str(&text).unwrap());
        advance(Duration::from_secs(seconds)).await;
        let registry = Registry::new().with(handle.clone());
        let report = registry.restore(&saved).unwrap();
        assert_eq!(report.restored, ["circuit_breaker.payments"]);
        let now = handle.snapshot();
        assert_eq!(now.state, expected, "after {seconds} s");
        if expected == State::Open {
            let now_left = now.open_for.unwrap();
            let gone = left - now_left;
            assert!(
                gone >= Duration::from_secs(4) && gone < Duration::from_secs(5),
                "{gone:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_count_on_and_fade() {
    for (seconds, more, opens) in [(0, 1, true), (6, 1, false), (6, 3, true)] {
        let layer = breaker();
        fail(&layer, 2).await;
        let before = Registry::new().with(layer.handle());
        let saved = before.save();
        advance(Duration::from_secs(seconds)).await;
        let layer = breaker();
        Registry::new()
            .with(layer.handle())
            .restore(&saved)
            .unwrap();
        fail(&layer, more).await;
        let opened = layer.handle().snapshot().state == State::Open;
        assert_eq!(opened, opens, "{more} more after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_decided_holds_and_a_budget_is_not_full_at_once() {
    let (breakers, retry) = (breaker(), RetryLayer::default().named("payments"));
    breakers.handle().force_open();
    let budget = retry.handle().budget();
    while budget.withdraw() {}
    let saved = Registry::new()
        .with(breakers.handle())
        .with(retry.handle())
        .save();
    advance(Duration::from_secs(10)).await;
    let (breakers, retry) = (breaker(), RetryLayer::default().named("payments"));
    let registry = Registry::new().with(breakers.handle()).with(retry.handle());
    assert_eq!(registry.restore(&saved).unwrap().ignored, [""; 0]);
    assert_eq!(breakers.handle().snapshot().mode, Mode::ForcedOpen);
    let left = retry.handle().budget().balance();
    assert!((60.0..66.0).contains(&left), "1 - 1/e of a hundred: {left}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_owes_what_it_owed_less_what_has_grown() {
    let make = || {
        RateLimitLayer::new(Rate::per_second(10))
            .named("api")
            .handle()
    };
    let before = make();
    before.drain();
    let saved = Registry::new().with(before).save();
    advance(Duration::from_millis(500)).await;
    let after = make();
    let report = Registry::new().with(after.clone()).restore(&saved).unwrap();
    assert_eq!(report.ignored, [""; 0]);
    let left = after.snapshot().limits[0].available;
    assert!((4..=5).contains(&left), "{left}");
}

#[tokio::test(start_paused = true)]
async fn each_key_is_as_it_was() {
    let make = || {
        let layer = breaker().with_protocol(tower_keep::protocol::Http::new());
        layer.keyed(Key::host())
    };
    let layer = make();
    let mut service = layer.layer(service_fn(|_: Request<String>| async {
        let response = http::Response::builder().status(500);
        Ok::<_, BoxError>(response.body(String::new())?)
    }));
    for host in ["down", "down", "down", "once"] {
        let request = Request::get(format!("http://{host}/")).body(String::new());
        let _ = service.ready().await.unwrap().call(request.unwrap()).await;
    }
    let saved = Registry::new().with(layer.handle()).save();
    let layer = make();
    let handle = layer.handle();
    let registry = Registry::new().with(handle.clone());
    assert_eq!(registry.restore(&saved).unwrap().ignored, [""; 0]);
    assert_eq!(handle.get("down").unwrap().snapshot().state, State::Open);
    let once = handle.get("once").unwrap().snapshot();
    assert_eq!((once.state, once.consecutive_failures), (State::Closed, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_left_out_and_reported() {
    let layer = breaker();
    fail(&layer, 1).await;
    let mut saved = json!(Registry::new().with(layer.handle()).save());
    saved["layers"]["bulkhead"] = json!({"gone": {}});
    saved["layers"]["circuit_breaker"]["broken"] = json!({"mode": 7});
    let good = saved.clone();
    let registry = Registry::new()
        .with(layer.handle())
        .with(CircuitBreakerLayer::new().named("broken").handle());
    let report = registry
        .restore(&serde_json::from_value(good).unwrap())
        .unwrap();
    assert!(report.restored.is_empty());
    assert_eq!(report.ignored.len(), 3, "{report:?}");
    assert!(report.ignored[0].contains("`bulkhead.gone` is not there"));
    assert!(report.ignored[1].contains("circuit_breaker.broken.mode"));
    assert!(report.ignored[2].contains("is in use already"));

    saved["version"] = json!(2);
    let error = registry
        .restore(&serde_json::from_value(saved).unwrap())
        .unwrap_err();
    assert_eq!(error, RegistryError::Version { found: 2, known: 1 });
}
