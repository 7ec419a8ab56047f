use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Request;
use http_body::Body;
use pin_project::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    LAYER,
    timed_body::{Stall, TimedRequestBody},
};
use crate::{
    common::macros::naming,
    config::Check,
    observe::Emitter,
    protocol::{Http, Inspect, Protocol, Wire},
};

/// Finds the clients that stop sending halfway through a request, and answers them 408.
///
/// For servers, inside [`TimeoutLayer`](super::TimeoutLayer). It is a layer of its own because it
/// changes the type of the request's body, which axum, hyper and tonic servers do not mind and many
/// clients do. When a frame takes too long, whoever reads the body gets a rejection as its error,
/// and the answer it then gives is replaced by a 408, so that the handler's own "bad request" does
/// not blame the wrong thing.
///
/// A request with a body costs one small allocation, one without costs none.
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::post};
/// use tower_keep::timeout::RequestBodyTimeoutLayer;
///
/// let app: Router = Router::new()
///     .route("/photos", post(|photo: bytes::Bytes| async move { photo.len().to_string() }))
///     .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(10)));
/// # let _ = app;
/// ```
#[derive(Clone, Debug)]
pub struct RequestBodyTimeoutLayer<P = Http> {
    idle: Duration,
    emitter: Emitter,
    protocol: P,
}

impl RequestBodyTimeoutLayer {
    /// This long for each frame that the service waits for.
    ///
    /// # Panics
    /// If `idle` is zero or longer than a year.
    #[must_use]
    pub fn new(idle: Duration) -> Self {
        Check(LAYER)
            .duration("idle", idle)
            .expect("the caller keeps `idle` in range");
        Self {
            idle,
            emitter: Emitter::new(LAYER),
            protocol: Http::new(),
        }
    }
}

impl<P> RequestBodyTimeoutLayer<P> {
    naming!(self => self.emitter);
}

impl<S, P: Clone> Layer<S> for RequestBodyTimeoutLayer<P> {
    type Service = RequestBodyTimeout<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestBodyTimeout {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose clients must keep sending. Made by [`RequestBodyTimeoutLayer`].
#[derive(Clone, Debug)]
pub struct RequestBodyTimeout<S, P = Http> {
    inner: S,
    layer: RequestBodyTimeoutLayer<P>,
}

impl<S, P, B> Service<Request<B>> for RequestBodyTimeout<S, P>
where
    S: Service<Request<TimedRequestBody<B>>>,
    P: Protocol<S::Response, S::Error> + Inspect<Request<B>> + Clone,
    B: Body,
{
    type Response = P::Response<()>;
    type Error = S::Error;
    type Future = RequestBodyTimeoutFuture<S::Future, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let RequestBodyTimeoutLayer {
            idle,
            emitter,
            protocol,
        } = &self.layer;
        let wire = protocol.wire(&request);
        let stall =
            (!request.body().is_end_stream()).then(|| Arc::new(Stall::new(*idle, emitter.clone())));
        let request = request.map(|body| TimedRequestBody::new(body, stall.clone()));
        RequestBodyTimeoutFuture {
            inner: self.inner.call(request),
            stall,
            protocol: protocol.clone(),
            wire,
        }
    }
}

/// The answer of a [`RequestBodyTimeout`].
///
/// Dropping it drops the call.
#[pin_project]
pub struct RequestBodyTimeoutFuture<F, P> {
    #[pin]
    inner: F,
    stall: Option<Arc<Stall>>,
    protocol: P,
    wire: Wire,
}

impl<F, P, Res, Err> Future for RequestBodyTimeoutFuture<F, P>
where
    F: Future<Output = Result<Res, Err>>,
    P: Protocol<Res, Err>,
{
    type Output = Result<P::Response<()>, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.inner.poll(cx));
        let refused = this.stall.as_ref().and_then(|stall| stall.refusal());
        Poll::Ready(match refused {
            Some(rejection) => this.protocol.reject(*this.wire, rejection),
            None => this.protocol.hold(outcome, ()),
        })
    }
}

impl<F, P> fmt::Debug for RequestBodyTimeoutFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBodyTimeoutFuture")
            .finish_non_exhaustive()
    }
}
