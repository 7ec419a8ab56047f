//! Calls that are turned away or fail: an answer is what they cost.

use std::task::{Context, Waker};

use tower_keep::{
    adaptive::{AdaptiveConfig, AdaptiveLayer},
    budget::BudgetConfig,
    bulkhead::BulkheadLayer,
    chaos::{ChaosConfig, ChaosLayer, Fault},
    circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer},
    fallback::{Causes, FallbackLayer},
    keyed::Key,
    load_shed::{LoadShedConfig, LoadShedLayer},
    rate_limit::{Rate, RateLimitLayer},
    retry::{RetryConfig, RetryLayer},
    throttle::ThrottleLayer,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Broken, Cases,
    Expect::{Bad, Both, Good},
    Forever,
    drive::{drive, get},
    peers::HOUR,
};

/// A limit of one place that is taken.
fn one_place() -> AdaptiveLayer {
    let config = AdaptiveConfig {
        initial_limit: 1,
        min_limit: 1,
        max_limit: 1,
        ..AdaptiveConfig::server()
    };
    AdaptiveLayer::from_config(config).expect("in range")
}

/// One place and no queue.
fn no_queue() -> LoadShedLayer {
    let config = LoadShedConfig {
        max_queue: 0,
        ..LoadShedConfig::new(1)
    };
    LoadShedLayer::from_config(config).expect("in range")
}

fn spent() -> RateLimitLayer {
    let layer = RateLimitLayer::new(Rate::per_hour(1));
    layer.handle().drain();
    layer
}

fn faulty() -> ChaosLayer {
    ChaosLayer::from_config(ChaosConfig::new(1.0, Fault::Error)).expect("in range")
}

/// With no budget, so that each failure is the last word.
fn unlucky() -> RetryLayer {
    let budget = BudgetConfig {
        ratio: 0.0,
        floor: 0,
    };
    let config = RetryConfig {
        budget,
        ..RetryConfig::default()
    };
    RetryLayer::from_config(config).expect("in range")
}

/// Counts failures and opens at none.
fn patient() -> CircuitBreakerLayer {
    let config = CircuitBreakerConfig {
        failure_rate: Some(1.0),
        min_calls: 1_000_000_000,
        consecutive_failures: None,
        ..CircuitBreakerConfig::default()
    };
    CircuitBreakerLayer::from_config(config).expect("in range")
}

/// Opens by what it sees, and for long.
#[must_use]
pub fn opened() -> CircuitBreakerLayer {
    let config = CircuitBreakerConfig {
        open_for: HOUR,
        max_open_for: HOUR,
        ..CircuitBreakerConfig::default()
    };
    CircuitBreakerLayer::from_config(config).expect("in range")
}

/// Takes the place of a layer for good.
fn occupy<S, Req>(mut service: S, request: Req)
where
    S: Service<Req, Future: 'static>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut call = Box::pin(service.call(request));
    assert!(call.as_mut().poll(&mut cx).is_pending());
    std::mem::forget(call);
}

pub(super) fn add(cases: &mut Cases) {
    cases.plain("bulkhead/refused", Bad, || BulkheadLayer::new(0).plain());
    cases.http("bulkhead/refused", Bad, || BulkheadLayer::new(0));
    cases.typed("bulkhead/refused", Bad, || BulkheadLayer::new(0).plain());
    cases.plain("keyed/refused", Bad, || {
        let key = Key::by_request(|_: &u64| Some("a.example:8080".into()));
        BulkheadLayer::new(0).plain().keyed(key)
    });
    cases.http("keyed/refused", Bad, || {
        BulkheadLayer::new(0).keyed(Key::path())
    });
    cases.plain("chaos/refused", Bad, || faulty().plain());
    cases.http("chaos/refused", Bad, faulty);
    cases.plain("rate_limit/refused", Bad, || spent().plain());
    cases.http("rate_limit/refused", Bad, spent);
    cases.typed("rate_limit/refused", Bad, || spent().plain());
    cases.typed("circuit_breaker/refused", Bad, || {
        let layer = opened().plain();
        Failing.plain(&layer);
        layer
    });

    /// What has to happen to the layer first happens on a service of its own.
    macro_rules! after {
        ($name:literal, $expect:expr, $layer:expr, $before:expr) => {
            cases.plain($name, $expect, || {
                let layer = $layer.plain();
                $before.plain(&layer);
                layer
            });
            cases.http($name, $expect, || {
                let layer = $layer;
                $before.http(&layer);
                layer
            });
        };
    }
    after!("adaptive/refused", Bad, one_place(), Taken);
    after!("load_shed/refused", Bad, no_queue(), Taken);
    after!("circuit_breaker/refused", Bad, opened(), Failing);
    // Nine of ten, that is, since the tenth goes out.
    after!("throttle/refused", Both, ThrottleLayer::new(), Failing);

    /// The same layer on a service that fails.
    macro_rules! fails {
        ($name:literal, $expect:expr, $plain:expr, $http:expr) => {
            let name = concat!($name, "/u64");
            cases.service(name, $expect, || $plain.layer(Broken), |n: u64| n);
            let name = concat!($name, "/http");
            cases.service(name, $expect, || $http.layer(Broken), get);
        };
    }
    fails!("circuit_breaker/failed", Bad, patient().plain(), patient());
    fails!("retry/failed", Bad, unlucky().plain(), unlucky());
    fails!(
        "fallback/applied",
        Good,
        FallbackLayer::new().plain().when(Causes::ANY, |_, _| Ok(7)),
        FallbackLayer::new().when(Causes::ANY, |_| http::Response::new("fallback"))
    );
}

/// Its one place is taken.
struct Taken;

impl Taken {
    fn plain<L>(&self, layer: &L)
    where
        L: Layer<Forever, Service: Service<u64, Future: 'static>>,
    {
        occupy(layer.layer(Forever), 7);
    }

    fn http<L>(&self, layer: &L)
    where
        L: Layer<Forever, Service: Service<http::Request<crate::Empty>, Future: 'static>>,
    {
        occupy(layer.layer(Forever), get(0));
    }
}

/// It has seen a service fail.
struct Failing;

impl Failing {
    fn plain<L>(&self, layer: &L)
    where
        L: Layer<Broken, Service: Service<u64, Response = u64>>,
    {
        drive(&mut layer.layer(Broken), 100, |n| n);
    }

    fn http<L, B>(&self, layer: &L)
    where
        L: Layer<
                Broken,
                Service: Service<http::Request<crate::Empty>, Response = http::Response<B>>,
            >,
    {
        drive(&mut layer.layer(Broken), 100, get);
    }
}
