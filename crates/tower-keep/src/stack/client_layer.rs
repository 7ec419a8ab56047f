use tower_layer::Layer;

use super::{ClientStack, Refused, SameClientBody, ToClientBody, server_layer::no_rate_limit};
use crate::{
    adaptive::{Adaptive, AdaptiveLayer},
    bulkhead::{Bulkhead, BulkheadLayer},
    circuit_breaker::{CircuitBreaker, CircuitBreakerLayer},
    classify::Class,
    correlation_id::{Propagate, PropagateLayer},
    hedge::{Hedge, HedgeLayer},
    idempotency::{IdempotencyKeyLayer, WithIdempotencyKey},
    protocol::Http,
    rate_limit::{RateLimit, RateLimitLayer},
    replay::Replayed,
    retry::{Retry, RetryLayer},
    throttle::{Throttle, ThrottleLayer},
    timeout::{Timeout, TimeoutLayer},
};

/// The layers of a [`ClientStack`], one around the other, for a client that takes requests with a
/// [`ClientBody`](super::ClientBody).
///
/// Each can be reached, for its handle, or to be given what is not data before the first use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientLayer {
    /// The whole call.
    pub timeout: TimeoutLayer,
    /// Writes may be retried.
    pub idempotency_key: IdempotencyKeyLayer,
    /// Sends again what failed.
    pub retry: RetryLayer<Http, Replayed<ToClientBody>>,
    /// Sends again what is late.
    pub hedge: HedgeLayer<Http, Replayed<SameClientBody>>,
    /// The id goes along.
    pub correlation_id: PropagateLayer,
    /// Holds back what the service would turn away.
    pub throttle: ThrottleLayer,
    /// So many in a time.
    pub rate_limit: RateLimitLayer,
    /// Leaves a service alone that is down.
    pub circuit_breaker: CircuitBreakerLayer,
    /// As many at once as the service can take.
    pub adaptive: AdaptiveLayer,
    /// So many at once.
    pub bulkhead: BulkheadLayer,
    /// One attempt.
    pub attempt_timeout: TimeoutLayer,
}

impl ClientLayer {
    pub(super) fn of(stack: &ClientStack) -> Result<Self, Refused> {
        let name = &stack.name;
        let retry = RetryLayer::from_config(stack.retry)?
            .named(name)
            .with_replay(Replayed(ToClientBody));
        let retry = if stack.retry_overloaded {
            retry.retry_if(|failed| failed.may_retry() || failed.verdict.class == Class::Overload)
        } else {
            retry
        };
        let hedge = HedgeLayer::from_config(stack.hedge)?
            .named(name)
            .with_replay(Replayed(SameClientBody));
        let rate_limit = stack.rate_limit.clone().unwrap_or_else(no_rate_limit);
        Ok(Self {
            timeout: TimeoutLayer::from_config(stack.timeout.clone())?.named(name),
            idempotency_key: IdempotencyKeyLayer::new().enabled(stack.idempotency_key),
            hedge: if stack.retry.enabled {
                hedge.budget_of_outer(retry.handle().budget())
            } else {
                // Retry that is off counts no calls, so its budget would never fill.
                hedge
            },
            retry,
            correlation_id: PropagateLayer::new(),
            throttle: ThrottleLayer::from_config(stack.throttle.clone())?.named(name),
            rate_limit: RateLimitLayer::from_config(rate_limit)?.named(name),
            circuit_breaker: CircuitBreakerLayer::from_config(stack.circuit_breaker.clone())?
                .named(name),
            adaptive: AdaptiveLayer::from_config(stack.adaptive.clone())?.named(name),
            bulkhead: BulkheadLayer::from_config(stack.bulkhead.clone())?.named(name),
            attempt_timeout: TimeoutLayer::from_config(stack.attempt_timeout.clone())?.named(name),
        })
    }
}

/// One attempt's part of a client in a [`ClientLayer`].
pub type AttemptService<S> =
    Propagate<Throttle<RateLimit<CircuitBreaker<Adaptive<Bulkhead<Timeout<S>>>>>>>;

/// A client in a [`ClientLayer`].
pub type ClientService<S> = Timeout<
    WithIdempotencyKey<
        Retry<
            Hedge<AttemptService<S>, Http, Replayed<SameClientBody>>,
            Http,
            Replayed<ToClientBody>,
        >,
    >,
>;

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = self.bulkhead.layer(self.attempt_timeout.layer(inner));
        let inner = self.circuit_breaker.layer(self.adaptive.layer(inner));
        let inner = self.throttle.layer(self.rate_limit.layer(inner));
        let inner = self.hedge.layer(self.correlation_id.layer(inner));
        let inner = self.idempotency_key.layer(self.retry.layer(inner));
        self.timeout.layer(inner)
    }
}
