use std::{
    pin::Pin,
    task::{self, Poll},
};

use http::{HeaderName, Response};
use http_body::Body as HttpBody;
use pin_project::pin_project;

use crate::{
    context::{Context, Scope, enter},
    protocol::{Body, End, Guard, Http, Protocol},
};

/// A request in its context, until there is a response.
///
/// Dropping it gives the request up, still in its context.
#[pin_project]
#[derive(Debug)]
pub struct ResponseFuture<F> {
    #[pin]
    scope: Scope<F>,
    /// Where the response carries the id.
    header: Option<HeaderName>,
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(scope: Scope<F>, header: Option<HeaderName>) -> Self {
        Self { scope, header }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: HttpBody,
    E: 'static,
{
    type Output = Result<Response<Body<B, InContext>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Looked at where it is: to take it out is to copy it.
        let mut polled = this.scope.as_mut().poll(cx);
        let Poll::Ready(outcome) = &mut polled else {
            return Poll::Pending;
        };
        let context = this.scope.take_context();
        if let Ok(response) = outcome
            && let Some(header) = this.header.take()
            && let Some(context) = &context
        {
            let id = context.correlation_id().as_header_value().clone();
            response.headers_mut().insert(header, id);
        }
        polled.map(|outcome| Http::new().hold(outcome, InContext(context)))
    }
}

/// Keeps a response body in the context of its request.
#[derive(Debug)]
pub struct InContext(Option<Context>);

impl Guard for InContext {
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    #[inline]
    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        enter(&mut self.get_mut().0, poll)
    }
}
