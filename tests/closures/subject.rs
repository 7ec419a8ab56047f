use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

/// A layer around a [`Backend`], with the closure in it, whatever its type.
pub(super) struct Subject {
    call: Box<dyn Fn() -> Pin<Box<dyn Future<Output = u16>>>>,
    rest: Box<dyn Fn()>,
}

impl Subject {
    /// An HTTP layer around a service that answers `status`; `rest` panics if it is not at rest.
    pub(super) fn http<L, B>(layer: L, status: u16, rest: impl Fn(&L) + 'static) -> Self
    where
        L: Layer<Backend> + 'static,
        L::Service: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
        L::Service: Clone + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
    {
        let service = layer.layer(Backend(status));
        Self::service(service, Request::default, move || rest(&layer))
    }

    /// An HTTP service that gets such requests.
    pub(super) fn service<S, B>(
        service: S,
        request: fn() -> Request<Full<Bytes>>,
        rest: impl Fn() + 'static,
    ) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
        S: Clone + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
    {
        let call = move || -> Pin<Box<dyn Future<Output = u16>>> {
            let mut service = service.clone();
            Box::pin(async move {
                let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
                let Ok(answer) = service.call(request()).await;
                let status = answer.status().as_u16();
                let _ = answer.into_body().collect().await;
                status
            })
        };
        Self {
            call: Box::new(call),
            rest: Box::new(rest),
        }
    }

    /// A layer around a service of numbers, which fails if `status` is not 200.
    pub(super) fn plain<L>(layer: L, status: u16, rest: impl Fn(&L) + 'static) -> Self
    where
        L: Layer<Backend> + 'static,
        L::Service: Service<u64, Response = u64, Error = BoxError> + Clone + 'static,
    {
        let service = layer.layer(Backend(status));
        let call = move || -> Pin<Box<dyn Future<Output = u16>>> {
            let mut service = service.clone();
            Box::pin(async move {
                poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
                service.call(1).await.map_or(500, |_| 200)
            })
        };
        Self {
            call: Box::new(call),
            rest: Box::new(move || rest(&layer)),
        }
    }

    /// Makes a call to the end of its body and answers its status.
    pub(super) fn call(&self) -> Pin<Box<dyn Future<Output = u16>>> {
        (self.call)()
    }

    pub(super) fn rest(&self, when: &str) {
        if catch_unwind(AssertUnwindSafe(|| (self.rest)())).is_err() {
            panic!("not at rest {when}");
        }
    }
}

/// A request with a body, which may be sent twice.
pub(super) fn upload() -> Request<Full<Bytes>> {
    Request::put("/").body(Full::from("a body")).unwrap()
}

/// A request that is made once, however often it comes.
pub(super) fn keyed() -> Request<Full<Bytes>> {
    let request = Request::post("/").header("idempotency-key", "\"one\"");
    request.body(Full::default()).unwrap()
}

/// Answers a moment later, always the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backend(pub(super) u16);

impl<B: Body + 'static> Service<Request<B>> for Backend {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"an answer")));
        *answer.status_mut() = StatusCode::from_u16(self.0).unwrap();
        Box::pin(async {
            tokio::task::yield_now().await;
            Ok(answer)
        })
    }
}

impl Service<u64> for Backend {
    type Response = u64;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<u64, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u64) -> Self::Future {
        let answer = match self.0 {
            200 => Ok(number + 1),
            status => Err(status.to_string().into()),
        };
        Box::pin(async {
            tokio::task::yield_now().await;
            answer
        })
    }
}
