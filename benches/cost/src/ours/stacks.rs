//! Layers together.

use tower_keep::{
    bulkhead::BulkheadLayer,
    circuit_breaker::CircuitBreakerLayer,
    correlation_id::CorrelationIdLayer,
    protocol::{Http, Plain},
    rate_limit::{Rate, RateLimitLayer},
    replay::{Cloned, Replayed},
    retry::RetryLayer,
    stack::{ClientStack, ServerStack},
    timeout::TimeoutLayer,
};
use tower_layer::Stack;

use crate::{Cases, Expect::Good, peers::Agreed};

/// Timeout, rate limit, retry, breaker and bulkhead, from outside in.
pub type Five<P, R> = Stack<
    BulkheadLayer<P>,
    Stack<
        CircuitBreakerLayer<P>,
        Stack<RetryLayer<P, R>, Stack<RateLimitLayer<P>, TimeoutLayer<P>>>,
    >,
>;

/// The five on a service of any kind.
#[must_use]
pub fn five(agreed: Agreed) -> Five<Plain, Cloned> {
    stack(
        BulkheadLayer::new(agreed.places).plain(),
        CircuitBreakerLayer::new().plain(),
        RetryLayer::default().plain(),
        RateLimitLayer::new(rate(agreed)).plain(),
        TimeoutLayer::new(agreed.timeout).plain(),
    )
}

/// The five on an HTTP service.
#[must_use]
pub fn five_http(agreed: Agreed) -> Five<Http, Replayed> {
    stack(
        BulkheadLayer::new(agreed.places),
        CircuitBreakerLayer::new(),
        RetryLayer::default(),
        RateLimitLayer::new(rate(agreed)),
        TimeoutLayer::new(agreed.timeout),
    )
}

/// The rate that was agreed on.
#[must_use]
pub fn rate(agreed: Agreed) -> Rate {
    Rate::per(agreed.rate as u64, agreed.period)
}

fn stack<P, R>(
    bulkhead: BulkheadLayer<P>,
    breaker: CircuitBreakerLayer<P>,
    retry: RetryLayer<P, R>,
    limit: RateLimitLayer<P>,
    timeout: TimeoutLayer<P>,
) -> Five<P, R> {
    let outer = Stack::new(retry, Stack::new(limit, timeout));
    Stack::new(bulkhead, Stack::new(breaker, outer))
}

pub(super) fn add(cases: &mut Cases) {
    cases.plain("five/admitted", Good, || five(Agreed::TIMED));
    cases.typed("five/admitted", Good, || five(Agreed::TIMED));
    cases.http("five/admitted", Good, || five_http(Agreed::TIMED));
    cases.http("five_with_id/admitted", Good, || {
        Stack::new(five_http(Agreed::TIMED), CorrelationIdLayer::new())
    });
    cases.http("server_stack/admitted", Good, || {
        let stack = ServerStack::api().named("bench");
        stack.layer().expect("a preset")
    });
    cases.http("client_stack/admitted", Good, || {
        let stack = ClientStack::api().named("bench");
        stack.layer().expect("a preset")
    });
}
