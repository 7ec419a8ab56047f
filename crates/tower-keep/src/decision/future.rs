use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderName, HeaderValue, Response};
use http_body::Body as HttpBody;
use pin_project::{pin_project, pinned_drop};

use super::Recorded;
use crate::{
    observe::{describe, recording},
    protocol::{Body, Http, Protocol},
    rejection::Rejection,
};

/// The answer of a [`DecisionService`](super::DecisionService).
///
/// Dropped before it is ready, it tells what was done with the call so far.
#[pin_project(PinnedDrop)]
pub struct ResponseFuture<F> {
    /// Gone once it has answered, or while it is being dropped.
    #[pin]
    inner: Option<F>,
    /// Gone once it has answered.
    recorded: Option<Recorded>,
    server_timing: bool,
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, recorded: Recorded, server_timing: bool) -> Self {
        Self {
            inner: Some(inner),
            recorded: Some(recorded),
            server_timing,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: HttpBody,
    E: 'static,
{
    type Output = Result<Response<Body<B, Recorded>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if matches!(this.recorded, Some(recorded) if recorded.decision.is_none())
            && let Some(inner) = this.inner.as_mut().as_pin_mut()
        {
            // Nobody records: the usual call.
            let outcome = ready!(inner.poll(cx));
            return Poll::Ready(Http::new().hold_taken(outcome, this.recorded.take()));
        }
        let recorded = this.recorded.as_mut().expect("polled after it was ready");
        let mut outcome = ready!(recording(&mut recorded.decision, || {
            let inner = this.inner.as_mut().as_pin_mut();
            let polled = inner.expect("polled after it was ready").poll(cx);
            if polled.is_ready() {
                this.inner.set(None);
            }
            polled
        }));
        let recorded = this.recorded.take().expect("taken once");
        if let Some(decision) = &recorded.decision {
            if let Ok(response) = &mut outcome {
                if let Some(rejection) = Rejection::of(response) {
                    decision.rejected(rejection);
                }
                if *this.server_timing {
                    let value = HeaderValue::try_from(decision.to_server_timing());
                    let value = value.expect("printable ASCII is a header value");
                    // A map that is full goes without.
                    let _ = response.headers_mut().try_append(SERVER_TIMING, value);
                }
                response.extensions_mut().insert(decision.clone());
            }
            describe(decision);
        }
        Poll::Ready(Http::new().hold(outcome, recorded))
    }
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

#[pinned_drop]
impl<F> PinnedDrop for ResponseFuture<F> {
    #[inline]
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if let Some(recorded) = this.recorded {
            recording(&mut recorded.decision, || this.inner.set(None));
            if let Some(decision) = &recorded.decision {
                describe(decision);
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}
