use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body as HttpBody;
use pin_project::pin_project;
use tower_service::Service;

use super::{Storing, job::Job, shared::Shared};
use crate::protocol::Body;

/// The answer of a [`Cache`](super::Cache): one that was kept, or that of the service inside.
#[pin_project]
pub struct ResponseFuture<S, Req, ResB>
where
    S: Service<Req>,
    ResB: HttpBody,
{
    #[pin]
    state: State<S, Req, S::Future, ResB>,
    /// What the call is for, until it is made.
    job: Option<Job>,
    shared: Arc<Shared>,
}

#[pin_project(project = Projected)]
enum State<S, Req, F, ResB: HttpBody> {
    Answered(Option<Response<Body<ResB, Storing>>>),
    Waiting(S, Option<Req>),
    Calling(#[pin] F),
}

impl<S, Req, ResB> ResponseFuture<S, Req, ResB>
where
    S: Service<Req>,
    ResB: HttpBody,
{
    pub(super) fn answered(answer: Response<Body<ResB, Storing>>, shared: Arc<Shared>) -> Self {
        Self {
            state: State::Answered(Some(answer)),
            job: None,
            shared,
        }
    }

    pub(super) fn calling(future: S::Future, job: Job, shared: Arc<Shared>) -> Self {
        Self {
            state: State::Calling(future),
            job: Some(job),
            shared,
        }
    }

    pub(super) fn waiting(inner: S, request: Req, job: Job, shared: Arc<Shared>) -> Self {
        Self {
            state: State::Waiting(inner, Some(request)),
            job: Some(job),
            shared,
        }
    }
}

impl<S, Req, ResB> Future for ResponseFuture<S, Req, ResB>
where
    S: Service<Req, Response = Response<ResB>>,
    S::Error: 'static,
    ResB: HttpBody,
{
    type Output = Result<Response<Body<ResB, Storing>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let outcome = loop {
            let future = match this.state.as_mut().project() {
                Projected::Answered(answer) => {
                    return Poll::Ready(Ok(answer.take().expect("polled after it was done")));
                }
                Projected::Waiting(inner, request) => match ready!(inner.poll_ready(cx)) {
                    Ok(()) => inner.call(request.take().expect("polled after it was done")),
                    Err(error) => break Err(error),
                },
                Projected::Calling(future) => break ready!(future.poll(cx)),
            };
            this.state.set(State::Calling(future));
        };
        // The place of the call inside is given back before the answer is.
        this.state.set(State::Answered(None));
        let job = this.job.take().expect("polled after it was done");
        Poll::Ready(this.shared.finish(job, outcome))
    }
}

impl<S: Service<Req>, Req, ResB: HttpBody> fmt::Debug for ResponseFuture<S, Req, ResB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
