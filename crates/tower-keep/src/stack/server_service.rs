//! A service in the layers of a server, and the way past those that are off.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use pin_project::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{ServerBody, ServerLayer};
use crate::{
    BoxError, adaptive::Adaptive, bulkhead::Bulkhead, catch_panic::CatchPanic,
    correlation_id::CorrelationIdService, decision::DecisionService, load_shed::LoadShed,
    rate_limit::RateLimit, timeout::Timeout,
};

/// A service in a [`ServerLayer`].
///
/// A call passes through all layers, or only through those that every preset of an API has on. To be
/// passed by costs nothing, while a layer that is switched off still hands on the request, the future and
/// the answer, each of some hundred bytes, and watches the body.
#[derive(Clone)]
pub struct ServerService<S> {
    few: Few<S>,
    /// Makes the rest for a call that needs them.
    layers: Arc<ServerLayer>,
}

/// The layers that are on as a rule.
pub(super) type Few<S> = CorrelationIdService<Timeout<Adaptive<CatchPanic<S>>>>;

/// All layers.
pub(super) type All<S> = DecisionService<
    CorrelationIdService<Timeout<RateLimit<LoadShed<Adaptive<Bulkhead<CatchPanic<S>>>>>>>,
>;

impl ServerLayer {
    /// Whether nothing is on but what is as a rule.
    #[inline]
    fn are_few_on(&self) -> bool {
        self.decision.is_off()
            && self.rate_limit.is_off()
            && self.load_shed.is_off()
            && self.bulkhead.is_off()
    }

    fn few<S>(&self, inner: S) -> Few<S> {
        let inner = self.adaptive.layer(self.catch_panic.layer(inner));
        self.correlation_id.layer(self.timeout.layer(inner))
    }

    fn all<S>(&self, inner: S) -> All<S> {
        let inner = self.catch_panic.layer(inner);
        let inner = self.adaptive.layer(self.bulkhead.layer(inner));
        let inner = self.rate_limit.layer(self.load_shed.layer(inner));
        let inner = self.correlation_id.layer(self.timeout.layer(inner));
        self.decision.layer(inner)
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> ServerService<S> {
        ServerService {
            few: self.few(inner),
            layers: Arc::new(self.clone()),
        }
    }
}

impl<S> ServerService<S> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        let adaptive = self.few.get_ref().get_ref();
        adaptive.get_ref().get_ref()
    }

    /// The service inside, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        let adaptive = self.few.get_mut().get_mut();
        adaptive.get_mut().get_mut()
    }

    /// Takes the service out of the layers.
    pub fn into_inner(self) -> S {
        let adaptive = self.few.into_inner().into_inner();
        adaptive.into_inner().into_inner()
    }
}

impl<S, Q, B> Service<Request<Q>> for ServerService<S>
where
    S: Service<Request<Q>, Response = Response<B>, Error: 'static> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    type Response = Response<ServerBody<B>>;
    type Error = S::Error;
    type Future = ServerFuture<S, Q, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // No layer of these has anything to wait for itself, so what is ready is ready for all of them.
        self.few.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        ServerFuture(if self.layers.are_few_on() {
            Running::Few(self.few.call(request))
        } else {
            Running::All(self.call_all(request))
        })
    }
}

/// The future of all layers, in a box so that other calls do not carry its size about.
type AllFuture<S, Q> = Pin<Box<<All<S> as Service<Request<Q>>>::Future>>;

impl<S> ServerService<S> {
    #[inline(never)]
    fn call_all<Q, B>(&mut self, request: Request<Q>) -> AllFuture<S, Q>
    where
        S: Service<Request<Q>, Response = Response<B>, Error: 'static> + Clone,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
    {
        // The service that was made ready goes along; its clone stays here.
        let clone = self.get_ref().clone();
        let ready = mem::replace(self.get_mut(), clone);
        Box::pin(self.layers.all(ready).call(request))
    }
}

/// The answer of a [`ServerService`].
///
/// Dropping it gives the call up.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ServerFuture<S, Q, B>(#[pin] Running<S, Q, B>)
where
    S: Service<Request<Q>, Response = Response<B>, Error: 'static> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>;

#[pin_project(project = RunningProjected)]
enum Running<S, Q, B>
where
    S: Service<Request<Q>, Response = Response<B>, Error: 'static> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    Few(#[pin] <Few<S> as Service<Request<Q>>>::Future),
    All(AllFuture<S, Q>),
}

impl<S, Q, B> Future for ServerFuture<S, Q, B>
where
    S: Service<Request<Q>, Response = Response<B>, Error: 'static> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    type Output = Result<Response<ServerBody<B>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            RunningProjected::Few(few) => few
                .poll(cx)
                .map_ok(|response| response.map(ServerBody::few)),
            RunningProjected::All(all) => all
                .as_mut()
                .poll(cx)
                .map_ok(|response| response.map(ServerBody::all)),
        }
    }
}

impl<S, Q, B> fmt::Debug for ServerFuture<S, Q, B>
where
    S: Service<Request<Q>, Response = Response<B>, Error: 'static> + Clone,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerFuture").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ServerService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerService")
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}
