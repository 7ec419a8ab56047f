use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;

use super::{state::since, timer::poll_due};
use crate::{
    BoxError,
    common::{
        atomic::{AtomicBool, Ordering},
        clock,
        timer::Timer,
    },
    observe::{Emitter, EventKind},
    rejection::{Kind, Phase, Rejection},
};

/// The body of a request, whose client must keep sending; see
/// [`RequestBodyTimeoutLayer`](super::RequestBodyTimeoutLayer).
///
/// Frames, trailers, size hint and end-of-stream pass through exactly. Its error is the body's own, or
/// a [`Rejection`] once a frame took too long.
#[pin_project]
pub struct TimedRequestBody<B> {
    #[pin]
    inner: B,
    /// Made when the service first has to wait for a frame.
    #[pin]
    timer: Option<Timer>,
    /// In the clock's nanoseconds; 0 while nobody waits.
    waiting_since: u64,
    /// None for a request without a body.
    stall: Option<Arc<Stall>>,
}

impl<B> TimedRequestBody<B> {
    pub(super) fn new(inner: B, stall: Option<Arc<Stall>>) -> Self {
        Self {
            inner,
            timer: None,
            waiting_since: 0,
            stall,
        }
    }
}

impl<B> Body for TimedRequestBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            *this.waiting_since = 0;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(stall) = this.stall else {
            return Poll::Pending;
        };
        let since = since(this.waiting_since, clock::nanos_now);
        let due = since.saturating_add(clock::whole_nanos(stall.idle));
        ready!(poll_due(this.timer, due, cx));
        Poll::Ready(Some(Err(stall.happened().into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> fmt::Debug for TimedRequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedRequestBody").finish_non_exhaustive()
    }
}

/// Where the body of a request and the answer to it meet.
#[derive(Debug)]
pub(super) struct Stall {
    idle: Duration,
    emitter: Emitter,
    /// Set by the body with release, read by the answer with acquire: the answer that a handler gives
    /// to the body's error comes after it.
    happened: AtomicBool,
}

impl Stall {
    pub(super) fn new(idle: Duration, emitter: Emitter) -> Self {
        Self {
            idle,
            emitter,
            happened: AtomicBool::new(false),
        }
    }

    /// The refusal, if the client stopped sending.
    pub(super) fn refusal(&self) -> Option<Rejection> {
        self.happened
            .load(Ordering::Acquire)
            .then(|| self.rejection())
    }

    /// The client stopped sending. Told once, however often the body is asked again.
    fn happened(&self) -> Rejection {
        if !self.happened.swap(true, Ordering::Release) {
            let kind = self.kind();
            self.emitter.emit(EventKind::CallRejected { kind });
        }
        self.rejection()
    }

    fn rejection(&self) -> Rejection {
        Rejection::new(self.kind(), self.emitter.layer(), self.emitter.name())
    }

    fn kind(&self) -> Kind {
        Kind::DeadlineExceeded {
            phase: Phase::RequestBody,
            after: self.idle,
        }
    }
}
