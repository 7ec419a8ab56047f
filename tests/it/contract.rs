//! Every layer against the whole contract of `tower-keep-test`.

use tower_keep::bulkhead::BulkheadLayer;
use tower_keep_test::{
    axum_matrix::{self, Load},
    contract,
};

mod bulkhead {
    use super::*;

    fn layer() -> BulkheadLayer {
        BulkheadLayer::new(1)
    }

    fn at_rest<P>(layer: &BulkheadLayer<P>) {
        let now = layer.handle().snapshot();
        assert_eq!((now.running, now.waiting), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        contract::http(layer, |layer: &BulkheadLayer| at_rest(layer)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_plain() {
        contract::plain(
            || layer().plain(),
            |layer: &BulkheadLayer<_>| at_rest(layer),
        )
        .await;
    }

    #[tokio::test]
    async fn is_one_bulkhead_however_axum_applies_it() {
        let outcomes = axum_matrix::run(
            Load::AtOnce(10),
            || BulkheadLayer::new(2),
            async |_| http::Response::new(axum::body::Body::empty()),
        )
        .await;
        assert!(!outcomes.is_empty());
        for outcome in outcomes {
            assert_eq!(outcome.peak, 2, "{outcome:?}");
        }
    }
}

mod circuit_breaker {
    use tower_keep::circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer};

    use super::*;

    fn layer() -> CircuitBreakerLayer {
        CircuitBreakerLayer::new()
    }

    fn at_rest<P>(layer: &CircuitBreakerLayer<P>) {
        assert_eq!(layer.handle().snapshot().probes, None);
    }

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        contract::http(layer, |layer: &CircuitBreakerLayer| at_rest(layer)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_plain() {
        contract::plain(
            || layer().plain(),
            |layer: &CircuitBreakerLayer<_>| at_rest(layer),
        )
        .await;
    }

    #[tokio::test]
    async fn is_one_breaker_however_axum_applies_it() {
        let outcomes = axum_matrix::run(
            Load::OneByOne(10),
            || {
                CircuitBreakerLayer::from_config(CircuitBreakerConfig {
                    consecutive_failures: Some(4),
                    ..CircuitBreakerConfig::default()
                })
                .unwrap()
            },
            async |_| {
                let mut response = http::Response::new(axum::body::Body::empty());
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                response
            },
        )
        .await;
        assert!(!outcomes.is_empty());
        for outcome in outcomes {
            assert_eq!(outcome.hits, 4, "{outcome:?}");
        }
    }
}
