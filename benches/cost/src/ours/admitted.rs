//! Layers that may stand in front of anything, when they let a call through.

use std::time::Duration;

use tower_keep::{
    adaptive::AdaptiveLayer,
    balance::{Balance, BalanceConfig, Balanced},
    bulkhead::BulkheadLayer,
    catch_panic::CatchPanicLayer,
    chaos::{ChaosConfig, ChaosLayer, Fault},
    circuit_breaker::CircuitBreakerLayer,
    coalesce::CoalesceLayer,
    detach::DetachLayer,
    fallback::{Causes, FallbackLayer},
    hedge::HedgeLayer,
    keyed::Key,
    load_shed::LoadShedLayer,
    protocol::{Http, Plain},
    rate_limit::{Rate, RateLimitLayer},
    retry::RetryLayer,
    throttle::ThrottleLayer,
    timeout::TimeoutLayer,
};
use tower_layer::Layer;

use crate::{Cases, Expect::Good};

/// A rate that no loop reaches.
pub(super) fn any_rate() -> Rate {
    Rate::per_second(1_000_000_000)
}

/// A balancer over ten of what it is given; it is no layer itself.
struct Ten<P>(P);

impl<S: Clone, P: Clone> Layer<S> for Ten<P> {
    type Service = Balanced<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let config = BalanceConfig {
            slow_start: Duration::ZERO,
            ..BalanceConfig::default()
        };
        let balance = Balance::from_config(config).expect("in range");
        let ten = (0..10).map(|n| (n, inner.clone()));
        balance.with_protocol(self.0.clone()).over(ten)
    }
}

fn no_fault() -> ChaosLayer {
    ChaosLayer::from_config(ChaosConfig::new(0.0, Fault::Error)).expect("in range")
}

pub(super) fn add(cases: &mut Cases) {
    /// The same layer on both kinds of call.
    macro_rules! both {
        ($name:literal, $layer:expr) => {
            cases.plain(concat!($name, "/admitted"), Good, || $layer.plain());
            cases.http(concat!($name, "/admitted"), Good, || $layer);
        };
    }
    both!("adaptive", AdaptiveLayer::new());
    both!("bulkhead", BulkheadLayer::new(1000));
    both!("catch_panic", CatchPanicLayer::new());
    both!("chaos", no_fault());
    both!("circuit_breaker", CircuitBreakerLayer::new());
    both!("detach", DetachLayer::new(16));
    both!("hedge", HedgeLayer::default());
    both!("load_shed", LoadShedLayer::new(1000));
    both!("rate_limit", RateLimitLayer::new(any_rate()));
    both!("retry", RetryLayer::default());
    both!("throttle", ThrottleLayer::new());
    both!("timeout", TimeoutLayer::default());

    // The same with an error that is no box.
    cases.typed("bulkhead/admitted", Good, || {
        BulkheadLayer::new(1000).plain()
    });
    cases.typed("circuit_breaker/admitted", Good, || {
        CircuitBreakerLayer::new().plain()
    });
    cases.typed("rate_limit/admitted", Good, || {
        RateLimitLayer::new(any_rate()).plain()
    });
    cases.typed("retry/admitted", Good, || RetryLayer::default().plain());
    cases.typed("timeout/admitted", Good, || TimeoutLayer::default().plain());

    cases.plain("balance/admitted", Good, || Ten(Plain::new()));
    cases.http("balance/admitted", Good, || Ten(Http::new()));
    // Each call leads a flight that nobody joins.
    cases.plain("coalesce/admitted", Good, || {
        CoalesceLayer::new().plain_by(|n: &u64| Some(n.to_le_bytes()))
    });
    cases.http("coalesce/admitted", Good, CoalesceLayer::new);
    cases.plain("fallback/admitted", Good, || {
        let layer = FallbackLayer::new().plain();
        layer.when(Causes::ANY, |_, outcome| outcome)
    });
    cases.http("fallback/admitted", Good, || {
        FallbackLayer::new().when(Causes::ANY, |_| http::Response::new("fallback"))
    });
    cases.plain("keyed/admitted", Good, || {
        let key = Key::by_request(|_: &u64| Some("a.example:8080".into()));
        BulkheadLayer::new(1000).plain().keyed(key)
    });
    cases.http("keyed/admitted", Good, || {
        BulkheadLayer::new(1000).keyed(Key::path())
    });
}
