//! failsafe and recloser wrap calls and are no services: the thinnest shells that make them so.

use std::task::{Context, Poll};

use failsafe::{
    FailurePolicy, StateMachine, backoff, failure_policy, futures::CircuitBreaker as _,
};
use recloser::{AsyncRecloser, Recloser};
use tower_service::Service;

use super::HOUR;

/// A service behind a breaker of failsafe.
#[derive(Debug)]
pub struct Failsafe<S, P> {
    inner: S,
    breaker: StateMachine<P, ()>,
}

impl<S: Clone, P> Clone for Failsafe<S, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            breaker: self.breaker.clone(),
        }
    }
}

impl<S, P, Req> Service<Req> for Failsafe<S, P>
where
    S: Service<Req>,
    P: FailurePolicy + Send + Sync,
{
    type Response = S::Response;
    type Error = failsafe::Error<S::Error>;
    type Future = failsafe::futures::ResponseFuture<S::Future, P, (), failsafe::Any>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(failsafe::Error::Inner)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.breaker.call(self.inner.call(request))
    }
}

/// With its defaults: a success rate by an EMA, or five failures in a row.
pub fn failsafe_default<S>(inner: S) -> Failsafe<S, impl FailurePolicy + Send + Sync + 'static> {
    Failsafe {
        inner,
        breaker: failsafe::Config::new().build(),
    }
}

/// Its cheaper policy: five failures in a row.
pub fn failsafe_in_a_row<S>(inner: S) -> Failsafe<S, impl FailurePolicy + Send + Sync + 'static> {
    let policy = failure_policy::consecutive_failures(5, backoff::constant(HOUR));
    Failsafe {
        inner,
        breaker: failsafe::Config::new().failure_policy(policy).build(),
    }
}

/// A service behind a breaker of recloser.
#[derive(Clone, Debug)]
pub struct Reclosed<S> {
    inner: S,
    breaker: AsyncRecloser,
}

impl<S, Req> Service<Req> for Reclosed<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = recloser::Error<S::Error>;
    type Future = recloser::RecloserFuture<S::Future, recloser::AnyError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(recloser::Error::Inner)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.breaker.call(self.inner.call(request))
    }
}

/// Half of the last hundred calls.
pub fn recloser<S>(inner: S) -> Reclosed<S> {
    let breaker = Recloser::custom()
        .error_rate(0.5)
        .closed_len(100)
        .half_open_len(10)
        .open_wait(HOUR)
        .build();
    Reclosed {
        inner,
        breaker: breaker.into(),
    }
}
