use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::{InFlight, Probe, ResponseFuture, answer::answer, registry::Registry};
use crate::{common::macros::inner_accessors, protocol::Body};

/// Answers probes itself and passes everything else on. Made by
/// [`HealthLayer`](super::HealthLayer).
///
/// It is ready when the service inside is not yet, or a service that is saturated could not be asked
/// whether it is alive; a call that comes then waits in its future, which is what `S: Clone` is for.
/// A service inside that says it has *failed* is broken for good, and so is this one.
pub struct Health<S> {
    inner: S,
    /// Whether the service inside was ready when last asked.
    is_ready: bool,
    registry: Arc<Registry>,
}

impl<S> Health<S> {
    pub(super) fn new(inner: S, registry: Arc<Registry>) -> Self {
        Self {
            inner,
            is_ready: false,
            registry,
        }
    }

    inner_accessors!();
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Health<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone,
    S::Error: 'static,
    ResB: HttpBody,
{
    type Response = Response<Body<ResB, InFlight>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Request<ReqB>, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.is_ready = self.inner.poll_ready(cx)?.is_ready();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        if let Some(probe) = Probe::at(request.uri().path(), &self.registry.paths) {
            // What the service inside has reserved stays reserved for the next call.
            return ResponseFuture::answered(answer(&self.registry, probe, request.method()));
        }
        let in_flight = InFlight::new(self.registry.lifecycle.clone());
        let version = request.version();
        if mem::take(&mut self.is_ready) {
            return ResponseFuture::calling(self.inner.call(request), version, in_flight);
        }
        // The one that has been asked may have a place in a queue: it goes, a clone stays.
        let clone = self.inner.clone();
        let asked = mem::replace(&mut self.inner, clone);
        ResponseFuture::waiting(asked, request, version, in_flight)
    }
}

// By hand: a clone has not asked whether it is ready.
impl<S: Clone> Clone for Health<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.registry.clone())
    }
}

impl<S> fmt::Debug for Health<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("name", &self.registry.emitter.name())
            .field("lifecycle", &self.registry.lifecycle)
            .finish_non_exhaustive()
    }
}
