//! The numbers of the two stacks. What is not named here is the layer's default, whose docs give the
//! reason.

use std::time::Duration;

use tower_keep::{
    adaptive::AdaptiveConfig,
    backoff::Backoff,
    bulkhead::BulkheadConfig,
    circuit_breaker::CircuitBreakerConfig,
    correlation_id::CorrelationIdConfig,
    detach::DetachConfig,
    fallback::FallbackConfig,
    health::{CheckConfig, HealthConfig, LifecycleConfig},
    hedge::{Delay, HedgeConfig, Observed},
    load_shed::LoadShedConfig,
    rate_limit::{Rate, RateLimitConfig},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};

use crate::stack::{Callers, Places, Reads};

/// A little more than all calls that one order needs, see `--peer-timeout-ms` of orders.
pub(crate) const SERVER_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn health(name: &str, version: &str) -> HealthConfig {
    HealthConfig {
        check: CheckConfig {
            interval: Duration::from_secs(2),
            ..CheckConfig::default()
        },
        lifecycle: LifecycleConfig {
            // Nothing balances load in front of the demo. Behind Kubernetes: the default, 5 s.
            drain_delay: Duration::from_secs(1),
            deadline: Duration::from_secs(10),
            ..LifecycleConfig::default()
        },
        ..HealthConfig::service(name, version)
    }
}

pub(crate) fn answer_within(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig {
        timeout: Some(timeout),
        ..TimeoutConfig::api()
    }
}

pub(crate) fn id(callers: Callers) -> CorrelationIdConfig {
    CorrelationIdConfig {
        // A customer may name his complaint, and not how much it matters.
        priority: matches!(callers, Callers::Peers),
        ..CorrelationIdConfig::default()
    }
}

/// Twice a second's worth at once: a page and all that is on it.
pub(crate) fn calls_of_one(callers: Callers) -> RateLimitConfig {
    let (enabled, rate) = match callers {
        Callers::Customers { rate, .. } => (true, rate),
        // They are few, known, and have limits of their own for what they send.
        Callers::Peers => (false, 1),
    };
    let each = Rate::per_second(rate.into()).burst((rate * 2).into());
    RateLimitConfig {
        enabled,
        headers: true,
        ..RateLimitConfig::new(each)
    }
}

pub(crate) fn writes_go_on(callers: Callers) -> DetachConfig {
    DetachConfig {
        // What a peer does is one transaction: done or not, and asked for again under its key.
        enabled: matches!(callers, Callers::Customers { .. }),
        ..DetachConfig::default()
    }
}

/// Each place may want one of the 8 connections to the database, or wait for a peer. Fewer at the
/// edge than peers have: what customers want at once must not be more than what is behind can take.
pub(crate) fn places(callers: Callers) -> LoadShedConfig {
    match callers {
        Callers::Customers { .. } => LoadShedConfig::edge(24),
        Callers::Peers => LoadShedConfig::new(64),
    }
}

pub(crate) fn older_answers(reads: Reads) -> FallbackConfig {
    FallbackConfig {
        enabled: reads == Reads::MayBeOld,
        // A catalogue, and no archive.
        max_answers: 100,
        ..FallbackConfig::default()
    }
}

pub(crate) fn ask_twice(reads: Reads) -> HedgeConfig {
    HedgeConfig {
        enabled: reads == Reads::MayBeOld,
        delay: Delay::Observed(Observed {
            // One read in ten is late at most; the demo has no time for the usual hundred samples.
            quantile: 0.9,
            min_samples: 30,
            until_known: Duration::from_millis(50),
            window: Duration::from_secs(10),
            ..Observed::default()
        }),
        ..HedgeConfig::default()
    }
}

pub(crate) fn call_within(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig {
        // What the peer is told is the time of the attempt, which is shorter.
        propagate: Some(false),
        ..TimeoutConfig::attempt(timeout)
    }
}

pub(crate) fn attempts() -> RetryConfig {
    RetryConfig {
        backoff: Backoff {
            base: Duration::from_millis(50),
            ..Backoff::default()
        },
        // A customer waits for this call; what has to wait longer is left to the saga.
        max_retry_after: Duration::from_millis(500),
        ..RetryConfig::default()
    }
}

pub(crate) fn circuit() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        // Two orders' worth of attempts: at ten orders a second a row of ten would be slow to see.
        consecutive_failures: Some(5),
        // Short, since the outage that the scenario shows is.
        open_for: Duration::from_secs(1),
        max_open_for: Duration::from_secs(2),
        ramp: Duration::from_secs(1),
        ..CircuitBreakerConfig::default()
    }
}

/// For a peer of ours: twice the places of the edge, since each read may be asked for twice, and fewer
/// than its own.
pub(crate) fn places_for_peer(places: Places) -> BulkheadConfig {
    BulkheadConfig {
        enabled: places == Places::Known,
        ..BulkheadConfig::new(48)
    }
}

pub(crate) fn places_found(places: Places) -> AdaptiveConfig {
    AdaptiveConfig {
        enabled: places == Places::Adaptive,
        // At ten orders a second the usual twenty samples would be two seconds.
        min_samples: 5,
        ..AdaptiveConfig::client()
    }
}
