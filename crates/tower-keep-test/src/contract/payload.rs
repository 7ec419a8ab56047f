//! The bodies of the contract's requests and responses.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use tower::BoxError;

use crate::body::Frames;

/// The request body of every HTTP check: `Send`, but neither `Clone` nor `Sync`, as an upload from
/// a socket is. It is pending once before its single frame.
#[derive(Debug)]
pub struct Upload {
    data: Option<Bytes>,
    paused: bool,
    _not_sync: PhantomData<Cell<()>>,
}

impl Upload {
    pub(super) const DATA: &[u8] = b"what the contract sends";

    pub(super) fn new() -> Self {
        Self {
            data: Some(Bytes::from_static(Self::DATA)),
            paused: false,
            _not_sync: PhantomData,
        }
    }

    /// One that is never pending.
    pub(super) fn prompt() -> Self {
        Self {
            paused: true,
            ..Self::new()
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !std::mem::replace(&mut self.paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.data.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// The response body of every HTTP check: the planned [`Frames`], with the backend's marker.
#[pin_project]
pub struct Download<M> {
    #[pin]
    frames: Frames,
    _marker: M,
}

impl<M> Download<M> {
    pub(super) fn new(frames: Frames, marker: M) -> Self {
        Self {
            frames,
            _marker: marker,
        }
    }
}

impl<M> Body for Download<M> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().frames.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.frames.size_hint()
    }
}

impl<M> fmt::Debug for Download<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").finish_non_exhaustive()
    }
}
