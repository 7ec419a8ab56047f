use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use pin_project::pin_project;
use tower_service::Service;

use super::{ShadowGuard, shadow::Answers};
use crate::{
    common::answer::Recorder,
    protocol::{Body, Http, Protocol, Wire},
};

/// The answer of a [`Strangler`](super::Strangler).
///
/// Dropping it drops the call; one in the shadow goes on and is compared with nothing.
#[pin_project]
pub struct ResponseFuture<S, New, ReqB>
where
    S: Service<Request<ReqB>>,
    New: Service<Request<ReqB>>,
{
    #[pin]
    state: State<S, New, ReqB>,
    answers: Option<Answers>,
    wire: Wire,
}

#[pin_project(project = Projected)]
enum State<S, New, ReqB>
where
    S: Service<Request<ReqB>>,
    New: Service<Request<ReqB>>,
{
    OldNotReady(S, Option<Request<ReqB>>),
    Old(#[pin] S::Future),
    NewNotReady(New, Option<Request<ReqB>>),
    New(#[pin] New::Future),
}

impl<S, New, ReqB> ResponseFuture<S, New, ReqB>
where
    S: Service<Request<ReqB>>,
    New: Service<Request<ReqB>>,
{
    pub(super) fn old(call: S::Future, answers: Option<Answers>, wire: Wire) -> Self {
        Self::in_state(State::Old(call), answers, wire)
    }

    pub(super) fn wait_for_old(
        service: S,
        request: Request<ReqB>,
        answers: Option<Answers>,
        wire: Wire,
    ) -> Self {
        Self::in_state(State::OldNotReady(service, Some(request)), answers, wire)
    }

    pub(super) fn wait_for_new(
        service: New,
        request: Request<ReqB>,
        answers: Option<Answers>,
        wire: Wire,
    ) -> Self {
        Self::in_state(State::NewNotReady(service, Some(request)), answers, wire)
    }

    fn in_state(state: State<S, New, ReqB>, answers: Option<Answers>, wire: Wire) -> Self {
        Self {
            state,
            answers,
            wire,
        }
    }
}

impl<S, New, ReqB, ResB> Future for ResponseFuture<S, New, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>, Error: 'static>,
    New: Service<Request<ReqB>, Response = Response<ResB>, Error = S::Error>,
    ResB: HttpBody<Data = Bytes>,
{
    type Output = Result<Response<Body<ResB, ShadowGuard>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let outcome = loop {
            let next = match this.state.as_mut().project() {
                Projected::Old(call) => break ready!(call.poll(cx)),
                Projected::New(call) => break ready!(call.poll(cx)),
                Projected::OldNotReady(service, request) => {
                    ready!(service.poll_ready(cx))?;
                    State::Old(service.call(request.take().expect("polled after completion")))
                }
                Projected::NewNotReady(service, request) => {
                    ready!(service.poll_ready(cx))?;
                    State::New(service.call(request.take().expect("polled after completion")))
                }
            };
            this.state.set(next);
        };
        let guard = match (&outcome, this.answers.take()) {
            (Ok(response), Some(answers)) => {
                let recorder = Recorder::start(*this.wire, response, answers.max_bytes);
                recorder.map(|recorder| ShadowGuard::new(recorder, answers.sender))
            }
            _ => None,
        };
        let guard = guard.unwrap_or(ShadowGuard::none());
        Poll::Ready(Http::new().hold(outcome, guard))
    }
}

impl<S, New, ReqB> fmt::Debug for ResponseFuture<S, New, ReqB>
where
    S: Service<Request<ReqB>>,
    New: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
