use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Waits for a service's readiness in the call, where a deadline outside covers it.
///
/// A service that queues in `poll_ready`, such as tower's `ConcurrencyLimit` or `RateLimit`, makes
/// callers wait before their call begins. This puts the queue into the call.
///
/// ```
/// use std::time::Duration;
/// use tower::{ServiceBuilder, service_fn};
/// use tower_keep::{BoxError, timeout::{QueueInCallLayer, TimeoutLayer}};
///
/// let service = ServiceBuilder::new()
///     .layer(TimeoutLayer::new(Duration::from_millis(100)).plain())
///     .layer(QueueInCallLayer::new())
///     // here: what queues in `poll_ready`
///     .service(service_fn(|n: u32| async move { Ok::<_, BoxError>(n + 1) }));
/// # let _ = service;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct QueueInCallLayer;

impl QueueInCallLayer {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for QueueInCallLayer {
    type Service = QueueInCall<S>;

    fn layer(&self, inner: S) -> QueueInCall<S> {
        QueueInCall { inner }
    }
}

/// A service that is always ready and waits in the call. Made by [`QueueInCallLayer`].
#[derive(Clone, Debug)]
pub struct QueueInCall<S> {
    inner: S,
}

impl<S, Req> Service<Req> for QueueInCall<S>
where
    S: Service<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = QueuedFuture<S, Req>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        QueuedFuture {
            state: State::Waiting {
                // The one here was never asked for readiness, so there is none to hand over.
                service: self.inner.clone(),
                request: Some(request),
            },
        }
    }
}

/// The answer of a [`QueueInCall`].
///
/// Dropping it leaves the queue, or drops the call.
#[pin_project]
pub struct QueuedFuture<S: Service<Req>, Req> {
    #[pin]
    state: State<S, Req>,
}

#[pin_project(project = StateProjected)]
enum State<S: Service<Req>, Req> {
    Waiting { service: S, request: Option<Req> },
    Running(#[pin] S::Future),
}

impl<S: Service<Req>, Req> Future for QueuedFuture<S, Req> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjected::Running(call) => return call.poll(cx),
                StateProjected::Waiting { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("polled after completion");
                    let call = service.call(request);
                    state.set(State::Running(call));
                }
            }
        }
    }
}

impl<S: Service<Req>, Req> fmt::Debug for QueuedFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedFuture").finish_non_exhaustive()
    }
}
