//! governor is no layer: the thinnest shell that makes it one. tower_governor is its own.

use std::{
    fmt,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use pin_project::pin_project;
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::GlobalKeyExtractor,
};
use tower_service::Service;

/// A service behind a limiter of governor, which turns away what is too much.
#[derive(Clone, Debug)]
pub struct Governed<S> {
    inner: S,
    limiter: Arc<DefaultDirectRateLimiter>,
}

/// `rate` calls a second, as many at once.
pub fn governor<S>(inner: S, rate: u32) -> Governed<S> {
    let rate = NonZeroU32::new(rate).expect("a rate above 0");
    Governed {
        inner,
        limiter: Arc::new(RateLimiter::direct(Quota::per_second(rate))),
    }
}

/// `burst` calls, and then none for hours.
pub fn governor_spent<S>(inner: S, burst: u32) -> Governed<S> {
    let one = NonZeroU32::new(1).expect("not 0");
    let burst = NonZeroU32::new(burst).expect("a burst above 0");
    let quota = Quota::per_hour(one).allow_burst(burst);
    Governed {
        inner,
        limiter: Arc::new(RateLimiter::direct(quota)),
    }
}

/// One limit for all callers: `period` a call, `burst` at once.
#[must_use]
pub fn tower_governor(
    period: Duration,
    burst: u32,
) -> GovernorLayer<GlobalKeyExtractor, governor::middleware::NoOpMiddleware, axum::body::Body> {
    let config = GovernorConfigBuilder::default()
        .period(period)
        .burst_size(burst)
        .key_extractor(GlobalKeyExtractor)
        .finish()
        .expect("a rate above 0");
    GovernorLayer::new(config)
}

/// Too many, or the service's own.
#[derive(Debug)]
pub enum Limited<E> {
    /// Too many.
    Refused,
    /// The service's own.
    Inner(E),
}

impl<E: fmt::Debug> fmt::Display for Limited<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl<E: fmt::Debug> std::error::Error for Limited<E> {}

/// The call, if there is one.
#[pin_project]
#[derive(Debug)]
pub struct GovernedFuture<F>(#[pin] Option<F>);

impl<F, T, E> Future for GovernedFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Limited<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.as_pin_mut() {
            Some(call) => call.poll(cx).map_err(Limited::Inner),
            None => Poll::Ready(Err(Limited::Refused)),
        }
    }
}

impl<S, Req> Service<Req> for Governed<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = Limited<S::Error>;
    type Future = GovernedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Limited::Inner)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.limiter.check() {
            Ok(()) => GovernedFuture(Some(self.inner.call(request))),
            Err(_) => GovernedFuture(None),
        }
    }
}
