//! Layers whose type is forgotten, so that each can be put around each other.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tower::{BoxError, ServiceExt, util::BoxCloneSyncService};
use tower_layer::Layer;
use tower_service::Service;

use super::backend::Bare;

/// An HTTP layer, any of them: [`pair`](super::pair) puts one around another.
#[derive(Clone)]
pub struct AnyLayer {
    wrap: Rc<dyn Fn(AnyService) -> AnyService>,
    at_rest: Rc<dyn Fn()>,
}

impl AnyLayer {
    /// Forgets which layer it is. `quiescent` panics if the layer is not at rest.
    #[must_use]
    pub fn new<L, B>(layer: L, quiescent: impl Fn(&L) + 'static) -> Self
    where
        L: Layer<AnyService> + 'static,
        L::Service: Service<Request<AnyBody>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<AnyBody>>>::Future: Send,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let layer = Rc::new(layer);
        let wrapped = Rc::clone(&layer);
        Self {
            wrap: Rc::new(move |inner| AnyService::new(wrapped.layer(inner))),
            at_rest: Rc::new(move || quiescent(&layer)),
        }
    }

    /// This layer around that one.
    pub(super) fn around(self, inner: Self) -> Self {
        Self {
            wrap: Rc::new(move |bare| (self.wrap)((inner.wrap)(bare))),
            at_rest: Rc::new(move || {
                (self.at_rest)();
                (inner.at_rest)();
            }),
        }
    }

    pub(super) fn check_rest(&self) {
        (self.at_rest)();
    }
}

impl Layer<Bare> for AnyLayer {
    type Service = AnyService;

    fn layer(&self, inner: Bare) -> AnyService {
        (self.wrap)(AnyService::new(inner))
    }
}

impl fmt::Debug for AnyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyLayer").finish_non_exhaustive()
    }
}

/// An HTTP service, any of them; takes requests with any body.
#[derive(Clone, Debug)]
pub struct AnyService(BoxCloneSyncService<Request<AnyBody>, Response<AnyBody>, Infallible>);

impl AnyService {
    fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<AnyBody>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self(BoxCloneSyncService::new(
            service.map_response(|response| response.map(AnyBody::new)),
        ))
    }
}

impl<B> Service<Request<B>> for AnyService
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<AnyBody>;
    type Error = Infallible;
    type Future =
        <BoxCloneSyncService<Request<AnyBody>, Response<AnyBody>, Infallible> as Service<
            Request<AnyBody>,
        >>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request.map(AnyBody::new))
    }
}

/// A body, any of them.
pub struct AnyBody(Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>);

impl AnyBody {
    fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self(Box::pin(body.map_err(Into::into)))
    }
}

impl Body for AnyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for AnyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyBody").finish_non_exhaustive()
    }
}
