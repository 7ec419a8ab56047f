use std::sync::{Arc, Mutex};

use tower_keep::{
    balance::{Balance, BalanceConfig, BalanceHandle, Balanced},
    circuit_breaker::CircuitBreakerLayer,
    protocol::{Http, Plain},
};
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};
use tower_layer::Layer;

use super::CALLS;

/// A balancer is no layer: this makes one of a single endpoint. Nothing is ejected, since the
/// contract panics on purpose.
#[derive(Clone)]
struct One<P> {
    protocol: P,
    handles: Arc<Mutex<Vec<BalanceHandle>>>,
}

impl<P> One<P> {
    fn new(protocol: P) -> Self {
        Self {
            protocol,
            handles: Arc::default(),
        }
    }

    fn at_rest(&self) {
        for handle in &*self.handles.lock().unwrap() {
            for endpoint in handle.snapshot().endpoints {
                assert_eq!(endpoint.pending, 0, "{endpoint:?}");
            }
        }
    }
}

impl<S, P: Clone> Layer<S> for One<P> {
    type Service = Balanced<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let config = BalanceConfig::without_ejection();
        let balance = Balance::from_config(config).unwrap();
        self.handles.lock().unwrap().push(balance.handle());
        balance
            .with_protocol(self.protocol.clone())
            .over([("the only one", inner)])
    }
}

#[tokio::test(start_paused = true)]
async fn on_http() {
    contract::http(|| One::new(Http::new()), One::at_rest).await;
}

#[tokio::test(start_paused = true)]
async fn on_plain() {
    contract::plain(|| One::new(Plain::new()), One::at_rest).await;
}

#[tokio::test]
async fn serves_every_call_however_axum_applies_it() {
    for case in axum_matrix::cases() {
        let layer = One::new(Http::new());
        let answers = async |_| http::StatusCode::OK;
        let load = Load::OneByOne(CALLS);
        let outcome = axum_matrix::run_case(case, load, layer, answers).await;
        assert_eq!(outcome.statuses, [http::StatusCode::OK; CALLS], "{case}");
    }
}

/// What stands between a balancer and an endpoint.
#[tokio::test(start_paused = true)]
async fn a_breaker_in_back_pressure() {
    let patient = || {
        let breaker = CircuitBreakerLayer::new();
        breaker.handle().force_closed();
        breaker
    };
    contract::http(|| patient().backpressure(), |_: &_| {}).await;
    contract::plain(|| patient().plain().backpressure(), |_: &_| {}).await;
}
