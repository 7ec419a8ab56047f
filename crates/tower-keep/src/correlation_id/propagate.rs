use std::task;

use http::{HeaderName, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    CorrelationIdConfig,
    outbound::{prioritize, stamp},
};
use crate::{
    common::macros::inner_accessors,
    config::ConfigError,
    context::{self, Context},
};

/// Puts the id, the trace and the priority of the present request on every call of a client; see the
/// [module](super).
///
/// They come from a [`Context`] in the call's extensions, else from the one that the task works in.
/// Where there is neither, the call gets a new id and a new trace of its own; have a job run in the
/// [scope](Context::scope) of a [fresh](Context::fresh) context if its calls are to share one.
///
/// A [`Priority`](context::Priority) in the call's extensions is the call's own.
///
/// A header that is on the call already is left alone.
///
/// Each call, and each attempt if it stands inside retry, is a new child span. Response and future are
/// the client's own.
#[derive(Clone, Debug)]
pub struct PropagateLayer {
    header: HeaderName,
    trace: bool,
    enabled: bool,
    priority: bool,
}

impl PropagateLayer {
    /// Sends `x-correlation-id`, `traceparent`, `tracestate` and, if there is one, `priority`.
    #[must_use]
    pub fn new() -> Self {
        Self::from_config(CorrelationIdConfig::default()).expect("the defaults are valid")
    }

    /// Sends what a server with this configuration reads: its `header`, the trace if `trace` is on,
    /// and the priority if `priority` is; nothing if it is not `enabled`. The other fields mean nothing
    /// here.
    ///
    /// # Errors
    /// If `header` is not the name of a header.
    pub fn from_config(config: CorrelationIdConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            header: config.header()?,
            trace: config.trace,
            enabled: config.enabled,
            priority: config.priority,
        })
    }
}

impl Default for PropagateLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for PropagateLayer {
    type Service = Propagate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Propagate {
            inner,
            layer: self.clone(),
        }
    }
}

/// A client whose calls carry the id of the request they are made for. Made by [`PropagateLayer`].
#[derive(Clone, Debug)]
pub struct Propagate<S> {
    inner: S,
    layer: PropagateLayer,
}

impl<S> Propagate<S> {
    inner_accessors!();
}

impl<S, B> Service<Request<B>> for Propagate<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if !self.layer.enabled {
            return self.inner.call(request);
        }
        let explicit = request.extensions().get::<Context>().cloned();
        let context = explicit.or_else(Context::current);
        let PropagateLayer {
            header,
            trace,
            priority,
            ..
        } = &self.layer;
        if *priority {
            // That of a call is its own, that of the present request holds for all its calls.
            let explicit = request.extensions().get().copied();
            let explicit = explicit.or_else(|| request.extensions().get::<Context>()?.priority());
            prioritize(request.headers_mut(), explicit.or_else(context::priority));
        }
        stamp(request.headers_mut(), context.as_ref(), header, *trace);
        self.inner.call(request)
    }
}
