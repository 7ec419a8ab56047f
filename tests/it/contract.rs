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

/// How many requests each case of the matrix gets, where a layer has to see all of them.
const CALLS: usize = 6;

mod timeout {
    use tower_keep::timeout::{QueueInCallLayer, RequestBodyTimeoutLayer, TimeoutLayer};
    use tower_keep_test::contract::Contract;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        contract::http(TimeoutLayer::default, |_: &TimeoutLayer| {}).await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_plain() {
        contract::plain(|| TimeoutLayer::default().plain(), |_: &TimeoutLayer<_>| {}).await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_the_body_of_a_request() {
        let layer = || RequestBodyTimeoutLayer::new(std::time::Duration::from_secs(30));
        // Where the body of a request and the answer to it meet.
        Contract::new(layer, |_: &RequestBodyTimeoutLayer| {})
            .allowing_allocations(1)
            .http()
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_queue() {
        contract::http(QueueInCallLayer::new, |_: &QueueInCallLayer| {}).await;
        contract::plain(QueueInCallLayer::new, |_: &QueueInCallLayer| {}).await;
    }

    #[tokio::test]
    async fn is_one_layer_however_axum_applies_it() {
        for case in axum_matrix::cases() {
            let layer = TimeoutLayer::new(std::time::Duration::from_millis(1));
            let hangs = async |_| std::future::pending::<http::StatusCode>().await;
            axum_matrix::run_case(case, Load::OneByOne(CALLS), layer.clone(), hangs).await;
            let seen = layer.handle().snapshot().exceeded_head;
            assert_eq!(seen, CALLS as u64, "{case}");
        }
    }
}

mod correlation_id {
    use tower_keep::correlation_id::{CorrelationIdLayer, PropagateLayer};
    use tower_keep_test::contract::Contract;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        // Header and extension maps allocate: the one layer that cannot do without.
        Contract::new(CorrelationIdLayer::new, |_: &CorrelationIdLayer| {})
            .allowing_allocations(7)
            .http()
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_client() {
        Contract::new(PropagateLayer::new, |_: &PropagateLayer| {})
            .allowing_allocations(7)
            .http()
            .await;
    }

    #[tokio::test]
    async fn is_one_layer_however_axum_applies_it() {
        for case in axum_matrix::cases() {
            let layer = CorrelationIdLayer::new();
            let answers = async |_| http::StatusCode::OK;
            axum_matrix::run_case(case, Load::OneByOne(CALLS), layer.clone(), answers).await;
            assert_eq!(layer.handle().snapshot().created, CALLS as u64, "{case}");
        }
    }
}

mod health {
    use tower_keep::health::HealthLayer;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        contract::http(
            || HealthLayer::new("contract", "1.0.0"),
            |layer: &HealthLayer| assert_eq!(layer.handle().snapshot().in_flight, 0),
        )
        .await;
    }

    #[tokio::test]
    async fn is_one_layer_however_axum_applies_it() {
        for case in axum_matrix::cases() {
            let layer = HealthLayer::default();
            let handle = layer.handle();
            let counts_itself = move |_| {
                let in_flight = handle.snapshot().in_flight;
                async move { http::StatusCode::from_u16(200 + in_flight as u16).unwrap() }
            };
            let load = Load::OneByOne(CALLS);
            let outcome = axum_matrix::run_case(case, load, layer, counts_itself).await;
            assert_eq!(
                outcome.statuses,
                [http::StatusCode::CREATED; CALLS],
                "{case}"
            );
        }
    }
}

mod retry {
    use std::time::Duration;

    use tower_keep::{
        backoff::Backoff,
        retry::{BudgetConfig, RetryConfig, RetryLayer},
    };
    use tower_keep_test::contract::Contract;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        // The copy of the head that a retry would need: http's maps, and what is kept of the body.
        Contract::new(RetryLayer::default, |_: &RetryLayer| {})
            .allowing_allocations(3)
            .http()
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_plain() {
        contract::plain(|| RetryLayer::default().plain(), |_: &RetryLayer<_, _>| {}).await;
    }

    #[tokio::test]
    async fn is_one_budget_however_axum_applies_it() {
        let make_layer = || {
            let config = RetryConfig {
                max_attempts: 2,
                backoff: Backoff {
                    base: Duration::from_nanos(1),
                    ..Backoff::default()
                },
                budget: BudgetConfig {
                    ratio: 0.6,
                    floor: 0,
                },
                ..RetryConfig::default()
            };
            RetryLayer::from_config(config).unwrap()
        };
        let fails = async |_| http::StatusCode::INTERNAL_SERVER_ERROR;
        let outcomes = axum_matrix::run(Load::OneByOne(20), make_layer, fails).await;
        assert!(!outcomes.is_empty());
        for outcome in outcomes {
            // One call alone earns no retry. What is unused leaks out, so it may be one less.
            assert!((31..=32).contains(&outcome.hits), "{outcome:?}");
        }
    }
}

mod circuit_breaker {
    use http::StatusCode;
    use tower_keep::circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Window};

    use super::*;

    /// Opens so late that the contract's panics do not open it.
    fn patient() -> CircuitBreakerLayer {
        let config = CircuitBreakerConfig {
            consecutive_failures: None,
            min_calls: 1000,
            ..CircuitBreakerConfig::default()
        };
        CircuitBreakerLayer::from_config(config).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn on_http() {
        contract::http(patient, |_: &CircuitBreakerLayer| {}).await;
    }

    #[tokio::test(start_paused = true)]
    async fn on_plain() {
        contract::plain(|| patient().plain(), |_: &CircuitBreakerLayer<_>| {}).await;
    }

    #[tokio::test]
    async fn is_one_breaker_however_axum_applies_it() {
        let make_layer = || {
            let config = CircuitBreakerConfig {
                consecutive_failures: Some(7),
                window: Window::Count(100),
                ..CircuitBreakerConfig::default()
            };
            CircuitBreakerLayer::from_config(config).unwrap()
        };
        let fails = async |_| {
            let mut response = http::Response::new(axum::body::Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        };
        let outcomes = axum_matrix::run(Load::OneByOne(20), make_layer, fails).await;
        assert!(!outcomes.is_empty());
        for outcome in outcomes {
            assert_eq!(outcome.hits, 7, "{outcome:?}");
        }
    }
}
