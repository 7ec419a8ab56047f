use tower_keep::{
    adaptive::AdaptiveLayer,
    bulkhead::BulkheadLayer,
    cache::CacheLayer,
    chaos::ChaosLayer,
    circuit_breaker::CircuitBreakerLayer,
    fallback::FallbackLayer,
    hedge::HedgeLayer,
    load_shed::LoadShedLayer,
    rate_limit::{Rate, RateLimitLayer},
    registry::{Document, Registry, RegistryError},
    retry::RetryLayer,
    throttle::ThrottleLayer,
    timeout::TimeoutLayer,
};

/// A configuration for all layers, in TOML and JSON: it is put into force, or each mistake in it is
/// named and nothing changes; and a document that was taken is taken again without a change.
pub fn document(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for read in [Document::from_toml, Document::from_json] {
        let registry = registry();
        let before = configuration(&registry);
        let Ok(document) = read(text) else { continue };
        match registry.apply(document) {
            Ok(_) => {
                let again = registry.apply(read(text).expect("was read before"));
                let changed = again.expect("was taken before").changed;
                assert!(changed.is_empty(), "{changed:?}");
            }
            Err(refused) => {
                assert_eq!(configuration(&registry), before);
                if let RegistryError::Refused(mistakes) = refused {
                    assert!(!mistakes.is_empty());
                    for mistake in mistakes {
                        assert!(!mistake.problem().is_empty(), "{mistake:?}");
                    }
                }
            }
        }
    }
}

fn registry() -> Registry {
    Registry::new()
        .with(AdaptiveLayer::default().named("api").handle())
        .with(BulkheadLayer::new(10).named("api").handle())
        .with(CacheLayer::default().named("api").handle())
        .with(ChaosLayer::default().named("api").handle())
        .with(CircuitBreakerLayer::new().named("api").handle())
        .with(FallbackLayer::default().named("api").handle())
        .with(HedgeLayer::default().named("api").handle())
        .with(LoadShedLayer::new(10).named("api").handle())
        .with(
            RateLimitLayer::new(Rate::per_second(10))
                .named("api")
                .handle(),
        )
        .with(RetryLayer::default().named("api").handle())
        .with(ThrottleLayer::default().named("api").handle())
        .with(TimeoutLayer::default().named("api").handle())
}

/// What is in force.
fn configuration(registry: &Registry) -> String {
    format!("{:?}", registry.list())
}
