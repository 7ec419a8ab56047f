//! Every layer's handle in the registry: what it says of itself it takes back unchanged.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_keep::{
    BoxError,
    adaptive::{AdaptiveConfig, AdaptiveLayer},
    balance::{Balance, BalanceConfig},
    bulkhead::{BulkheadConfig, BulkheadLayer},
    cache::CacheLayer,
    catch_panic::CatchPanicLayer,
    chaos::ChaosLayer,
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, State, Window},
    coalesce::CoalesceLayer,
    config::{Enforce, Steer},
    correlation_id::CorrelationIdLayer,
    decision::DecisionLayer,
    detach::DetachLayer,
    fallback::FallbackLayer,
    health::HealthLayer,
    hedge::{Delay, HedgeConfig, HedgeLayer},
    idempotency::IdempotencyLayer,
    keyed::Key,
    load_shed::LoadShedLayer,
    rate_limit::{Rate, RateLimitLayer},
    registry::{Document, Registry},
    retry::{RetryConfig, RetryLayer},
    strangler::StranglerLayer,
    throttle::ThrottleLayer,
    timeout::{TimeoutConfig, TimeoutLayer},
};

fn assert_survives(handle: &dyn Steer) {
    let config = handle.config();
    let layer = handle.layer();
    assert_eq!(handle.check(&config).unwrap(), config, "{layer}");
    let text = serde_json::to_string(&config).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(handle.check(&read).unwrap(), config, "{layer} as text");
    handle.apply(&read).unwrap();
    assert_eq!(handle.config(), config, "{layer} after it was applied");
    let mut typo = config;
    typo["no_such_field"] = json!(1);
    assert!(
        handle.check(&typo).is_err(),
        "{layer} takes what it does not know"
    );
}

#[tokio::test]
async fn every_configuration_survives_its_way_through_the_registry() {
    let odd = Duration::from_nanos(1_234_567_891);
    let breaker = |window| {
        CircuitBreakerLayer::from_config(CircuitBreakerConfig {
            window,
            slow_call: None,
            open_for: odd,
            ..CircuitBreakerConfig::default()
        })
        .unwrap()
        .handle()
    };
    let hedge = |delay| {
        let config = HedgeConfig {
            delay,
            ..HedgeConfig::default()
        };
        HedgeLayer::from_config(config).unwrap().handle()
    };
    let timeout = |config| TimeoutLayer::from_config(config).unwrap().handle();
    let handles: Vec<Box<dyn Steer>> = vec![
        Box::new(AdaptiveLayer::new().handle()),
        Box::new(
            AdaptiveLayer::from_config(AdaptiveConfig::client())
                .unwrap()
                .handle(),
        ),
        Box::new(Balance::new().handle()),
        Box::new(
            Balance::from_config(BalanceConfig::without_ejection())
                .unwrap()
                .handle(),
        ),
        Box::new(BulkheadLayer::new(10).handle()),
        Box::new(
            BulkheadLayer::from_config(BulkheadConfig {
                enforce: Enforce::percent(7),
                max_wait: odd,
                ..BulkheadConfig::queued(10)
            })
            .unwrap()
            .handle(),
        ),
        Box::new(CacheLayer::new().handle()),
        Box::new(CatchPanicLayer::new().handle()),
        Box::new(ChaosLayer::default().handle()),
        Box::new(breaker(Window::Count(50))),
        Box::new(breaker(Window::Time(odd))),
        Box::new(CoalesceLayer::new().handle()),
        Box::new(CorrelationIdLayer::new().handle()),
        Box::new(DecisionLayer::new().handle()),
        Box::new(DetachLayer::new(3).handle()),
        Box::new(FallbackLayer::new().handle()),
        Box::new(HealthLayer::new("shop", "1").handle()),
        Box::new(hedge(HedgeConfig::default().delay)),
        Box::new(hedge(Delay::Fixed(odd))),
        Box::new(IdempotencyLayer::default().handle()),
        Box::new(LoadShedLayer::new(10).handle()),
        Box::new(RateLimitLayer::new(Rate::per_second(7)).handle()),
        Box::new(
            RateLimitLayer::new(Rate::per_second(7))
                .keyed(Key::host())
                .handle(),
        ),
        Box::new(RetryLayer::default().handle()),
        Box::new(
            RetryLayer::from_config(RetryConfig::interactive())
                .unwrap()
                .handle(),
        ),
        Box::new(StranglerLayer::new(()).handle()),
        Box::new(ThrottleLayer::new().handle()),
        Box::new(timeout(TimeoutConfig::api())),
        Box::new(timeout(TimeoutConfig::attempt(odd))),
        Box::new(timeout(TimeoutConfig {
            timeout: None,
            ..TimeoutConfig::api()
        })),
    ];
    for handle in handles {
        assert_survives(&*handle);
    }
}

#[test]
fn a_keyed_layer_takes_a_document_as_a_whole_or_not_at_all() {
    let layer = AdaptiveLayer::new().named("api").keyed(Key::host());
    let registry = Registry::new().with(layer.handle());
    let before = layer.handle().config();
    let text = r#"
        adaptive.api = { max_limit = 77, keys.big.partitions = { gold = 50, other = 50 } }
    "#;
    let refused = registry.apply(Document::from_toml(text).unwrap());
    assert!(refused.is_err(), "partitions are made with the layer");
    assert_eq!(layer.handle().config(), before);
}

#[tokio::test(start_paused = true)]
async fn keys_know_again_what_they_knew_though_the_layer_was_steered_by_hand() {
    let layer = || {
        let config = CircuitBreakerConfig {
            consecutive_failures: Some(3),
            open_for: Duration::from_secs(20),
            ..CircuitBreakerConfig::default()
        };
        let layer = CircuitBreakerLayer::from_config(config).unwrap();
        layer.named("api").keyed(Key::header("x-tenant"))
    };
    let before = layer();
    let registry = Registry::new().with(before.handle());
    registry
        .act("circuit_breaker", "api", "observe_only")
        .unwrap();
    let down = service_fn(|_: Request<()>| async {
        Err::<http::Response<http_body_util::Empty<bytes::Bytes>>, BoxError>("down".into())
    });
    for _ in 0..3 {
        let request = Request::builder().header("x-tenant", "a").body(()).unwrap();
        let _ = before.layer(down).oneshot(request).await;
    }
    let state = |handle: Option<tower_keep::circuit_breaker::CircuitBreakerHandle>| {
        handle.map(|handle| handle.snapshot().state)
    };
    assert_eq!(state(before.handle().get("a")), Some(State::Open));
    let saved = registry.save();
    let after = layer();
    let report = Registry::new()
        .with(after.handle())
        .restore(&saved)
        .unwrap();
    assert_eq!((report.restored.len(), &*report.ignored), (1, &[][..]));
    assert_eq!(state(after.handle().get("a")), Some(State::Open));
}
