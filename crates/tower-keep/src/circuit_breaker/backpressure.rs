use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project::pin_project;
use tokio::{
    sync::futures::OwnedNotified,
    time::{Sleep, sleep},
};
use tower_layer::Layer;
use tower_service::Service;

use super::{CircuitBreaker, CircuitBreakerLayer, Permit, ResponseFuture};
use crate::protocol::{Inspect, Protocol};

/// A circuit breaker that is not ready while it is open, for a balancer outside to pass over. Made by
/// [`CircuitBreakerLayer::backpressure`].
///
/// The services it makes are the exception to the promise that `poll_ready` reserves nothing: while the
/// breaker is not closed, being ready is a permit, of a probe perhaps, that is held until the call.
/// Call at once what you have polled ready, or drop it.
#[derive(Clone, Debug)]
pub struct BackpressureLayer<P>(CircuitBreakerLayer<P>);

impl<P> CircuitBreakerLayer<P> {
    /// Is not ready while it is open, in place of turning calls away: for the endpoints of a balancer,
    /// which sends the call elsewhere.
    ///
    /// `poll_ready` is pending until the breaker closes or has a place for a probe, and wakes the
    /// caller then. Nowhere else is this of use: callers would pile up in front of a dead service. It
    /// comes last, after `plain`, `classify` and the like.
    #[must_use]
    pub fn backpressure(self) -> BackpressureLayer<P> {
        BackpressureLayer(self)
    }
}

impl<S, P: Clone> Layer<S> for BackpressureLayer<P> {
    type Service = Backpressure<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Backpressure {
            breaker: self.0.layer(inner),
            permit: None,
            wait: None,
        }
    }
}

/// A service behind a circuit breaker that is not ready while it is open. Made by
/// [`BackpressureLayer`].
pub struct Backpressure<S, P> {
    breaker: CircuitBreaker<S, P>,
    /// What being ready was about, if the breaker was not closed.
    permit: Option<Permit>,
    wait: Option<Pin<Box<Wait>>>,
}

/// What wakes whoever waits for the breaker.
#[pin_project]
struct Wait {
    #[pin]
    changed: OwnedNotified,
    #[pin]
    timer: Option<Sleep>,
}

impl<S, Req, P> Service<Req> for Backpressure<S, P>
where
    S: Service<Req>,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
{
    type Response = P::Response<Permit>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // The service first: a probe's lease should not run while a connection is made.
        ready!(self.breaker.poll_ready(cx))?;
        if self.permit.is_none() && !self.breaker.front().core.is_wide_open() {
            ready!(self.poll_permit(cx));
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        match self.permit.take() {
            Some(permit) => self.breaker.call_with_permit(permit, request),
            None => self.breaker.call(request),
        }
    }
}

impl<S, P> Backpressure<S, P> {
    #[cold]
    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let front = self.breaker.front();
        let wait = self.wait.get_or_insert_with(|| {
            Box::pin(Wait {
                changed: front.core.changed.clone().notified_owned(),
                timer: None,
            })
        });
        let mut wait = wait.as_mut().project();
        loop {
            // Registered before we ask, so that nothing happens unseen in between.
            if wait.changed.as_mut().poll(cx).is_ready() {
                wait.changed
                    .set(front.core.changed.clone().notified_owned());
                continue;
            }
            let left = match front.try_admit() {
                Ok(permit) => {
                    self.permit = Some(permit);
                    self.wait = None;
                    return Poll::Ready(());
                }
                Err(left) => left,
            };
            // Without a time it is open until somebody says otherwise.
            let Some(left) = left else {
                return Poll::Pending;
            };
            wait.timer
                .set(Some(sleep(left.max(Duration::from_millis(1)))));
            let timer = wait.timer.as_mut().as_pin_mut().expect("set just now");
            ready!(timer.poll(cx));
        }
    }
}

// By hand: what is reserved belongs to the one who was ready.
impl<S: Clone, P: Clone> Clone for Backpressure<S, P> {
    fn clone(&self) -> Self {
        Self {
            breaker: self.breaker.clone(),
            permit: None,
            wait: None,
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Backpressure<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backpressure")
            .field("breaker", &self.breaker)
            .field("permit", &self.permit)
            .finish_non_exhaustive()
    }
}
