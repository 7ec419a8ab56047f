//! tower-resilience, layer by layer, with a name as everybody gives one.

use std::time::Duration;

use tower_layer::Stack;
use tower_resilience_bulkhead::BulkheadLayer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_resilience_hedge::HedgeLayer;
use tower_resilience_ratelimiter::{RateLimiterLayer, WindowType};
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience_timelimiter::TimeLimiterLayer;

use super::{Agreed, HOUR};

/// Half of a hundred calls.
#[must_use]
pub fn breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .wait_duration_in_open(HOUR)
        .name("orders")
        .build()
        .expect("in range")
}

/// So many places; callers wait for one.
#[must_use]
pub fn bulkhead_wait(places: usize) -> BulkheadLayer {
    BulkheadLayer::builder()
        .max_concurrent_calls(places)
        .name("orders")
        .build()
        .expect("in range")
}

/// So many places; callers are turned away.
#[must_use]
pub fn bulkhead_reject(places: usize) -> BulkheadLayer {
    BulkheadLayer::builder()
        .max_concurrent_calls(places)
        .reject_when_full()
        .name("orders")
        .build()
        .expect("in range")
}

/// So many places; not ready while they are taken.
#[must_use]
pub fn bulkhead_backpressure(places: usize) -> BulkheadLayer {
    BulkheadLayer::builder()
        .max_concurrent_calls(places)
        .backpressure()
        .name("orders")
        .build()
        .expect("in range")
}

/// So many calls a period, in a window of its first kind.
#[must_use]
pub fn rate_fixed(calls: usize, period: Duration) -> RateLimiterLayer {
    RateLimiterLayer::builder()
        .limit_for_period(calls)
        .refresh_period(period)
        .timeout_duration(Duration::ZERO)
        .window_type(WindowType::Fixed)
        .name("orders")
        .build()
        .expect("in range")
}

/// So many calls a period, from a bucket.
#[must_use]
pub fn rate_bucket(calls: usize, period: Duration) -> RateLimiterLayer {
    RateLimiterLayer::builder()
        .limit_for_period(calls)
        .refresh_period(period)
        .timeout_duration(Duration::ZERO)
        .burst_size(0)
        .name("orders")
        .build()
        .expect("in range")
}

/// Three attempts.
#[must_use]
pub fn retry<Req, Res, E>() -> RetryLayer<Req, Res, E> {
    RetryLayer::<Req, Res, E>::builder()
        .max_attempts(3)
        .fixed_backoff(Duration::from_millis(1))
        .name("orders")
        .build()
}

/// Three attempts and a budget.
#[must_use]
pub fn retry_budget<Req, Res, E>() -> RetryLayer<Req, Res, E> {
    let budget = RetryBudgetBuilder::new().token_bucket().build();
    RetryLayer::<Req, Res, E>::builder()
        .max_attempts(3)
        .fixed_backoff(Duration::from_millis(1))
        .budget(budget.expect("in range"))
        .name("orders")
        .build()
}

/// A time limit.
#[must_use]
pub fn timeout(limit: Duration) -> TimeLimiterLayer {
    TimeLimiterLayer::builder()
        .timeout_duration(limit)
        .name("orders")
        .build()
}

/// A second attempt after a delay.
#[must_use]
pub fn hedge(delay: Duration) -> HedgeLayer {
    HedgeLayer::builder()
        .delay(delay)
        .max_hedged_attempts(2)
        .build()
}

/// Timeout, rate limit, retry, breaker and bulkhead, from outside in.
pub type Five<Req, Res, E> = Stack<
    BulkheadLayer,
    Stack<
        CircuitBreakerLayer,
        Stack<RetryLayer<Req, Res, E>, Stack<RateLimiterLayer, TimeLimiterLayer>>,
    >,
>;

/// Its five.
#[must_use]
pub fn five<Req, Res, E>(agreed: Agreed) -> Five<Req, Res, E> {
    let rate = rate_bucket(agreed.rate, agreed.period);
    let outer = Stack::new(retry(), Stack::new(rate, timeout(agreed.timeout)));
    Stack::new(bulkhead_reject(agreed.places), Stack::new(breaker(), outer))
}
