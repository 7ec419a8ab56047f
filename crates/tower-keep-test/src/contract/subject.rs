//! What a layered service must be, so that one check serves HTTP and plain services.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use super::{backend::Bare, payload::Upload};

/// Run a check over HTTP: `Request<Upload>` to `Response<B>`, `Error = Infallible`.
#[derive(Clone, Copy, Debug)]
pub struct Http;

/// Run a check over a plain service: `u64` to `u64`, `Error = BoxError`.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// A layer that the checks can be run over; implemented by every layer whose service is a
/// [`Subject`].
pub trait Contracted<W, M = ()>: Layer<Bare<M>, Service: Subject<W>> {}

impl<L, W, M> Contracted<W, M> for L where L: Layer<Bare<M>, Service: Subject<W>> {}

/// A service that the checks can call; implemented by every `Clone` service of the right types.
/// The error type is part of it: a layer leaves `S::Error` as it is.
pub trait Subject<W>: Clone {
    /// What a call ends with.
    type Reply;
    /// The future of a call.
    type Call: Future<Output = Self::Reply>;

    /// Polls for readiness, which must not fail.
    fn prepare(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Calls the service with a request that can be answered at once if `prompt`.
    fn start(&mut self, prompt: bool) -> Self::Call;

    /// Takes the reply to its end; says what is wrong with it.
    fn finish(reply: Self::Reply) -> impl Future<Output = Result<(), String>>;
}

impl<S, B> Subject<Http> for S
where
    S: Service<Request<Upload>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Reply = Result<Response<B>, Infallible>;
    type Call = S::Future;

    fn prepare(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(cx).map(|Ok(())| ())
    }

    fn start(&mut self, prompt: bool) -> S::Future {
        let upload = if prompt {
            Upload::prompt()
        } else {
            Upload::new()
        };
        let mut request = Request::new(upload);
        *request.uri_mut() = http::Uri::from_static("/contract");
        self.call(request)
    }

    async fn finish(reply: Self::Reply) -> Result<(), String> {
        let Ok(response) = reply;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it was answered {status}"));
        }
        let mut body = pin!(response.into_body());
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            frame.map_err(|error| format!("its body failed: {}", error.into()))?;
        }
        Ok(())
    }
}

impl<S> Subject<Plain> for S
where
    S: Service<u64, Response = u64, Error = BoxError> + Clone,
{
    type Reply = Result<u64, BoxError>;
    type Call = S::Future;

    fn prepare(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_ready(cx).map(|ready| {
            if let Err(error) = ready {
                panic!("contract: `poll_ready` failed, and an error from there is final: {error}");
            }
        })
    }

    fn start(&mut self, _: bool) -> S::Future {
        self.call(41)
    }

    async fn finish(reply: Self::Reply) -> Result<(), String> {
        match reply {
            Ok(42) => Ok(()),
            Ok(other) => Err(format!("it was answered {other} instead of 42")),
            Err(error) => Err(format!("it failed: {error}")),
        }
    }
}
