use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Response, StatusCode, Version, header};
use http_body::Body as HttpBody;
use pin_project::pin_project;
use tower_service::Service;

use super::InFlight;
use crate::protocol::{Body, Http, Protocol};

/// The answer to a probe, or that of the service inside.
///
/// A call counts as in flight until its body ends; dropping this future ends it as well.
#[pin_project]
pub struct ResponseFuture<S, Req, ResB>
where
    S: Service<Req>,
    ResB: HttpBody,
{
    #[pin]
    state: State<S, Req, S::Future, ResB>,
    /// The call that it is, unless a probe.
    in_flight: Option<InFlight>,
    /// Whether a header can ask the client to close the connection.
    is_http1: bool,
}

#[pin_project(project = Projected)]
enum State<S, Req, F, ResB: HttpBody> {
    Answered(Option<Response<Body<ResB, InFlight>>>),
    Waiting(S, Option<Req>),
    Calling(#[pin] F),
}

impl<S, Req, ResB> ResponseFuture<S, Req, ResB>
where
    S: Service<Req>,
    ResB: HttpBody,
{
    pub(super) fn answered(answer: Response<Body<ResB, InFlight>>) -> Self {
        Self {
            state: State::Answered(Some(answer)),
            in_flight: None,
            is_http1: false,
        }
    }

    pub(super) fn calling(future: S::Future, version: Version, in_flight: InFlight) -> Self {
        Self {
            state: State::Calling(future),
            in_flight: Some(in_flight),
            is_http1: version <= Version::HTTP_11,
        }
    }

    pub(super) fn waiting(inner: S, request: Req, version: Version, in_flight: InFlight) -> Self {
        Self {
            state: State::Waiting(inner, Some(request)),
            in_flight: Some(in_flight),
            is_http1: version <= Version::HTTP_11,
        }
    }
}

impl<S, Req, ResB> Future for ResponseFuture<S, Req, ResB>
where
    S: Service<Req, Response = Response<ResB>>,
    S::Error: 'static,
    ResB: HttpBody,
{
    type Output = Result<Response<Body<ResB, InFlight>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut outcome = loop {
            let future = match this.state.as_mut().project() {
                Projected::Answered(answer) => {
                    return Poll::Ready(Ok(answer.take().expect("polled after it was done")));
                }
                Projected::Waiting(inner, request) => {
                    ready!(inner.poll_ready(cx))?;
                    inner.call(request.take().expect("polled after it was done"))
                }
                Projected::Calling(future) => break ready!(future.poll(cx)),
            };
            this.state.set(State::Calling(future));
        };
        let in_flight = this.in_flight.take().expect("polled after it was done");
        if let Ok(response) = &mut outcome
            && *this.is_http1
            && in_flight.is_stopping()
            // Its `Connection` header names the upgrade.
            && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Http::new().hold(outcome, in_flight))
    }
}

impl<S, Req, ResB> fmt::Debug for ResponseFuture<S, Req, ResB>
where
    S: Service<Req>,
    ResB: HttpBody,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
