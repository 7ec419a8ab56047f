//! A state for each key, and states that outlive a process.

use std::time::Duration;

use http::{Request, Response};
use tower::{Layer, Service, service_fn};
use tower_keep::{
    BoxError,
    bulkhead::BulkheadLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, State},
    keyed::Key,
    rate_limit::{Rate, RateLimitConfig, RateLimitLayer},
    registry::{Registry, Saved},
    rejection::Rejection,
};

fn to(host: &str) -> Request<String> {
    let request = Request::get(format!("http://{host}/")).body(String::new());
    request.unwrap()
}

/// A service that fails where the host is `down`.
async fn answer(request: Request<String>) -> Result<Response<String>, BoxError> {
    let down = request.uri().host() == Some("down");
    let response = Response::builder().status(if down { 500 } else { 200 });
    Ok(response.body("an answer".to_owned())?)
}

fn breaker() -> CircuitBreakerLayer {
    let config = CircuitBreakerConfig {
        consecutive_failures: Some(3),
        ..CircuitBreakerConfig::default()
    };
    CircuitBreakerLayer::from_config(config)
        .unwrap()
        .named("upstream")
}

/// CB24: a breaker for each host, route or tenant, in bounded memory.
/// `.keyed(Key::host())`, `Key::header`, `Key::route`, `Key::by`: bounded, and only breakers that are closed and have no failures in their window make room.
#[tokio::test(start_paused = true)]
async fn cb24() {
    let layer = breaker().keyed(Key::host()).max_keys(50);
    let mut service = layer.layer(service_fn(answer));
    for _ in 0..3 {
        service.call(to("down")).await.unwrap();
    }
    for n in 0..1000 {
        let response = service.call(to(&format!("host-{n}"))).await.unwrap();
        assert!(Rejection::of(&response).is_none());
    }
    let refused = service.call(to("down")).await.unwrap();
    assert!(Rejection::of(&refused).is_some(), "a thousand hosts later");
    let now = layer.handle().snapshot();
    assert_eq!((now.keys, now.overflowed), (50, 0));
}

/// CB27: state that can be exported and taken over.
/// `Registry::save` and `restore`, a serde type with a version; a breaker stays open for what is left of its time, what a window held fades with its age.
#[tokio::test(start_paused = true)]
async fn cb27() {
    let layer = breaker();
    let mut service = layer.layer(service_fn(answer));
    for _ in 0..3 {
        service.call(to("down")).await.unwrap();
    }
    let saved = Registry::new().with(layer.handle()).save();
    let text = serde_json::to_string(&saved).unwrap();

    tokio::time::advance(Duration::from_secs(1)).await;
    let saved: Saved = serde_json::from_str(&text).unwrap();
    let next = breaker();
    let registry = Registry::new().with(next.handle());
    registry.restore(&saved).unwrap();
    let (before, after) = (layer.handle().snapshot(), next.handle().snapshot());
    assert_eq!(after.state, State::Open);
    let differ = before.open_for.unwrap().abs_diff(after.open_for.unwrap());
    assert!(differ < Duration::from_millis(5), "{differ:?}");
}

/// BH10: a bulkhead for each key, bounded.
/// `.keyed(..)`: no key that is in use makes room, and calls that find no room or have no key share one bulkhead.
#[tokio::test(start_paused = true)]
async fn bh10() {
    let layer = BulkheadLayer::new(1).keyed(Key::host()).max_keys(2);
    let mut service = layer.layer(service_fn(answer));
    let mut held = Vec::new();
    for host in ["a", "b", "c", "a", "d"] {
        let response = service.call(to(host)).await.unwrap();
        held.push((host, Rejection::of(&response).is_some(), response));
    }
    let refused: Vec<_> = held.iter().filter(|one| one.1).map(|one| one.0).collect();
    assert_eq!(refused, ["a", "d"], "c has the place that is shared");
    drop(held);
    let response = service.call(to("d")).await.unwrap();
    assert!(Rejection::of(&response).is_none());
    assert!(layer.handle().get("d").is_some(), "there is room again");
}

/// RL4: a limit for each address, header, tenant or identity.
/// `.keyed(Key::header("x-tenant"))` or any closure over the head of a request; single keys can have limits of their own.
#[tokio::test(start_paused = true)]
async fn rl4() {
    let layer = RateLimitLayer::new(Rate::per_second(2))
        .keyed(Key::host())
        .with_key("gold", RateLimitConfig::new(Rate::per_second(5)))
        .unwrap();
    let mut service = layer.layer(service_fn(answer));
    for (host, expected) in [("a", 2), ("b", 2), ("gold", 5)] {
        let mut admitted = 0;
        for _ in 0..10 {
            let response = service.call(to(host)).await.unwrap();
            admitted += usize::from(Rejection::of(&response).is_none());
        }
        assert_eq!(admitted, expected, "{host}");
    }
}

/// RL5: bounded memory for the keys.
/// Room for a number of keys; one whose bucket is full again makes room for the next, and no task has to clean up.
#[tokio::test(start_paused = true)]
async fn rl5() {
    let layer = RateLimitLayer::new(Rate::per_second(2)).keyed(Key::host());
    let layer = layer.max_keys(10);
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(answer));
    for n in 0..1000 {
        service.call(to(&format!("host-{n}"))).await.unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let now = handle.snapshot();
    assert_eq!((now.keys, now.overflowed), (10, 0));
    for n in 0..20 {
        service.call(to(&format!("burst-{n}"))).await.unwrap();
    }
    assert!(
        handle.snapshot().overflowed > 0,
        "nobody's tokens are forgotten"
    );
}
