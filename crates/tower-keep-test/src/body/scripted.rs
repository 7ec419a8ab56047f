//! A body that is told what to say while it is read.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tower::BoxError;

use crate::common::lock;

/// A body whose frames the test sends one by one through a [`BodyHandle`].
///
/// It is pending until told, also after the handle is gone: only [`BodyHandle::end`] ends it. Its
/// size hint is unknown and its end-of-stream flag follows the script, unless set otherwise.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use http_body_util::BodyExt;
/// use tower_keep_test::body::ScriptedBody;
///
/// let (body, handle) = ScriptedBody::new();
/// handle.data("hello");
/// handle.end();
/// assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
/// assert!(handle.is_dropped());
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptedBody {
    shared: Arc<Shared>,
}

impl ScriptedBody {
    /// A body that is pending until its handle says something.
    #[must_use]
    pub fn new() -> (Self, BodyHandle) {
        let shared = Arc::new(Shared::default());
        let handle = BodyHandle {
            shared: Arc::clone(&shared),
        };
        (Self { shared }, handle)
    }

    /// A body that says this and ends, for tests that do not care.
    #[must_use]
    pub fn full(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let (body, handle) = Self::new();
        handle.set_size_hint(SizeHint::with_exact(data.len() as u64));
        if !data.is_empty() {
            handle.data(data);
        }
        handle.end();
        body
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut script = lock(&self.shared.script);
        script.polls += 1;
        match script.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if script.ended => Poll::Ready(None),
            None => {
                script.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let script = lock(&self.shared.script);
        script
            .end_stream
            .unwrap_or(script.ended && script.frames.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.shared.script).size_hint
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        lock(&self.shared.script).dropped = true;
        self.shared.gone.notify_waiters();
    }
}

/// Tells a [`ScriptedBody`] what to say. Clones tell the same body.
#[derive(Clone, Debug)]
pub struct BodyHandle {
    shared: Arc<Shared>,
}

impl BodyHandle {
    /// Sends a data frame.
    pub fn data(&self, data: impl Into<Bytes>) {
        self.push(Ok(Frame::data(data.into())));
    }

    /// Sends trailers. The body does not end by itself after them.
    pub fn trailers(&self, trailers: HeaderMap) {
        self.push(Ok(Frame::trailers(trailers)));
    }

    /// Fails the body. It does not end by itself after the error.
    pub fn error(&self, error: impl Into<BoxError>) {
        self.push(Err(error.into()));
    }

    /// Ends the body after the frames sent so far.
    pub fn end(&self) {
        self.tell(|script| script.ended = true);
    }

    /// What `size_hint` answers from now on. The default is unknown.
    pub fn set_size_hint(&self, hint: SizeHint) {
        lock(&self.shared.script).size_hint = hint;
    }

    /// What `is_end_stream` answers from now on, whatever the script says.
    pub fn set_end_stream(&self, end: bool) {
        lock(&self.shared.script).end_stream = Some(end);
    }

    /// Whether the body was dropped.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        lock(&self.shared.script).dropped
    }

    /// Waits until the body is dropped. Dropping this future changes nothing.
    pub async fn dropped(&self) {
        let mut gone = std::pin::pin!(self.shared.gone.notified());
        // Listening starts before the look, so that a drop in between is not missed.
        gone.as_mut().enable();
        if !self.is_dropped() {
            gone.await;
        }
    }

    /// How many times the body was polled.
    #[must_use]
    pub fn polls(&self) -> usize {
        lock(&self.shared.script).polls
    }

    fn push(&self, frame: Result<Frame<Bytes>, BoxError>) {
        self.tell(|script| script.frames.push_back(frame));
    }

    fn tell(&self, change: impl FnOnce(&mut Script)) {
        let waker = {
            let mut script = lock(&self.shared.script);
            change(&mut script);
            script.waker.take()
        };
        // Woken outside the lock: a waker is code of others.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct Script {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    ended: bool,
    size_hint: SizeHint,
    end_stream: Option<bool>,
    waker: Option<Waker>,
    dropped: bool,
    polls: usize,
}
