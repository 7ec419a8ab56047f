//! Every layer around every other, and around itself, against the contract of `tower-keep-test`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use futures_util::FutureExt;
use http::Response;
use tower_keep::{
    adaptive::{AdaptiveConfig, AdaptiveLayer},
    balance::{Balance, BalanceConfig},
    bulkhead::BulkheadLayer,
    cache::CacheLayer,
    catch_panic::CatchPanicLayer,
    chaos::{ChaosConfig, ChaosLayer, Fault},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    coalesce::CoalesceLayer,
    correlation_id::CorrelationIdLayer,
    decision::DecisionLayer,
    detach::DetachLayer,
    fallback::{Causes, FallbackLayer},
    health::HealthLayer,
    hedge::HedgeLayer,
    idempotency::IdempotencyLayer,
    keyed::Key,
    load_shed::LoadShedLayer,
    rate_limit::{Rate, RateLimitLayer},
    retry::RetryLayer,
    strangler::StranglerLayer,
    throttle::ThrottleLayer,
    timeout::TimeoutLayer,
};
use tower_keep_test::contract::{self, AnyLayer};
use tower_layer::{Layer, layer_fn};

type MakeLayer = fn() -> AnyLayer;

/// Each as tight as a handful of calls one after another allows, so that a leak shows.
const LAYERS: [(&str, MakeLayer); 22] = [
    ("adaptive", || {
        let config = AdaptiveConfig {
            initial_limit: 1,
            min_limit: 1,
            max_limit: 1,
            ..AdaptiveConfig::server()
        };
        AnyLayer::new(
            AdaptiveLayer::from_config(config).unwrap(),
            |layer: &AdaptiveLayer| {
                let now = layer.handle().snapshot();
                assert_eq!((now.in_flight, now.waiting), (0, 0));
            },
        )
    }),
    ("balance", || {
        // Nothing is ejected, since the contract panics on purpose.
        let layer = layer_fn(|inner| {
            let balance = Balance::from_config(BalanceConfig::without_ejection()).unwrap();
            balance.over([("the only one", inner)])
        });
        AnyLayer::new(layer, |_| {})
    }),
    ("bulkhead", || {
        AnyLayer::new(BulkheadLayer::new(1), |layer: &BulkheadLayer| {
            let now = layer.handle().snapshot();
            assert_eq!((now.running, now.waiting), (0, 0));
        })
    }),
    ("cache", || {
        AnyLayer::new(CacheLayer::new(), |layer: &CacheLayer| {
            assert_eq!(layer.handle().snapshot().entries, 0);
        })
    }),
    ("catch_panic", || {
        AnyLayer::new(CatchPanicLayer::new(), |_| {})
    }),
    ("chaos", || {
        let mild = ChaosConfig::new(0.0, Fault::Error);
        let layer = ChaosLayer::from_config(mild).unwrap();
        AnyLayer::new(layer, |layer: &ChaosLayer| {
            assert_eq!(layer.handle().snapshot().active, 0);
        })
    }),
    ("circuit_breaker", || {
        let patient = CircuitBreakerConfig {
            consecutive_failures: None,
            min_calls: 1000,
            ..CircuitBreakerConfig::default()
        };
        AnyLayer::new(CircuitBreakerLayer::from_config(patient).unwrap(), |_| {})
    }),
    ("coalesce", || {
        // A key of its own for each call, so that all of them lead.
        let next = AtomicU64::new(0);
        let layer =
            CoalesceLayer::new().key(move |_| Some(next.fetch_add(1, Relaxed).to_le_bytes()));
        AnyLayer::new(layer, |layer: &CoalesceLayer| {
            let now = layer.handle().snapshot();
            assert_eq!((now.in_flight, now.waiting), (0, 0));
        })
    }),
    ("correlation_id", || {
        AnyLayer::new(CorrelationIdLayer::new(), |_| {})
    }),
    ("decision", || AnyLayer::new(DecisionLayer::new(), |_| {})),
    ("detach", || {
        AnyLayer::new(DetachLayer::new(1), |layer: &DetachLayer| {
            assert_eq!(layer.handle().snapshot().detached, 0);
        })
    }),
    ("fallback", || {
        let layer = FallbackLayer::new().when(Causes::ANY, |_| Response::new("fallback"));
        AnyLayer::new(layer, |_: &FallbackLayer| {})
    }),
    ("health", || {
        AnyLayer::new(HealthLayer::new("pairs", "1.0.0"), |layer: &HealthLayer| {
            assert_eq!(layer.handle().snapshot().in_flight, 0);
        })
    }),
    ("hedge", || {
        AnyLayer::new(HedgeLayer::default(), |_: &HedgeLayer| {})
    }),
    ("idempotency", || {
        AnyLayer::new(IdempotencyLayer::default(), |_: &IdempotencyLayer| {})
    }),
    ("keyed", || {
        AnyLayer::new(BulkheadLayer::new(1).keyed(Key::path()), |layer| {
            let handle = layer.handle();
            for key in handle.keys() {
                let now = handle.get(&key).unwrap().snapshot();
                assert_eq!((now.running, now.waiting), (0, 0), "{key}");
            }
        })
    }),
    ("load_shed", || {
        AnyLayer::new(LoadShedLayer::new(1), |layer: &LoadShedLayer| {
            let now = layer.handle().snapshot();
            assert_eq!((now.running, now.waiting), (0, 0));
        })
    }),
    ("rate_limit", || {
        let layer = RateLimitLayer::new(Rate::per_second(100_000));
        AnyLayer::new(layer, |layer: &RateLimitLayer| {
            assert_eq!(layer.handle().snapshot().waiting, 0);
        })
    }),
    ("retry", || {
        AnyLayer::new(RetryLayer::default(), |_: &RetryLayer| {})
    }),
    ("strangler", || {
        let layer = layer_fn(|inner| StranglerLayer::new(Clone::clone(&inner)).layer(inner));
        AnyLayer::new(layer, |_| {})
    }),
    ("throttle", || {
        AnyLayer::new(ThrottleLayer::new(), |layer: &ThrottleLayer| {
            assert_eq!(layer.handle().snapshot().held_back, 0);
        })
    }),
    ("timeout", || {
        AnyLayer::new(TimeoutLayer::default(), |_: &TimeoutLayer| {})
    }),
];

/// The layers from `first` on, in steps of `STRIDE`, each around all.
async fn around_all(first: usize) {
    let mut broken = Vec::new();
    for (outer, make_outer) in LAYERS.iter().skip(first).step_by(STRIDE) {
        for (inner, make_inner) in LAYERS {
            println!("{outer} around {inner}");
            let pair = AssertUnwindSafe(contract::pair(make_outer, make_inner));
            if let Err(panic) = pair.catch_unwind().await {
                let why = panic
                    .downcast_ref::<String>()
                    .map_or("", |why| why.as_str());
                broken.push(format!("{outer} around {inner}: {why}"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

const STRIDE: usize = 4;

macro_rules! every_fourth {
    ($($test:ident $first:literal)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                around_all($first).await;
            }
        )*
    };
}

// As tests of their own, so that they run beside each other.
every_fourth! { first 0 second 1 third 2 fourth 3 }
