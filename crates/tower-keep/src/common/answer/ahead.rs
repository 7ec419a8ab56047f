use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{BoxError, protocol::PolledFrame};

/// A body of which the beginning was read already.
///
/// In a box, because it moves on to its reader after it has been polled.
pub(crate) struct ReadAhead<B> {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    /// Gone once it has ended or failed.
    rest: Option<Pin<Box<B>>>,
}

impl<B> ReadAhead<B>
where
    B: HttpBody,
{
    pub(crate) fn new(body: B) -> Self {
        Self {
            frames: VecDeque::new(),
            rest: Some(Box::pin(body)),
        }
    }

    /// Reads one frame ahead, which stays; `Ready(None)` at the end.
    pub(crate) fn poll_ahead(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<&Result<Frame<Bytes>, BoxError>>>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
    {
        let frame = std::task::ready!(self.poll_rest(cx));
        Poll::Ready(frame.map(|frame| {
            self.frames.push_back(frame);
            self.frames.back().expect("it was just put there")
        }))
    }

    /// The next frame for the reader.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> PolledFrame
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
    {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.poll_rest(cx),
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> PolledFrame
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>>,
    {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(rest.as_mut().poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    pub(crate) fn is_end(&self) -> bool {
        self.frames.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let data = |frame: &Result<Frame<Bytes>, BoxError>| {
            let frame = frame.as_ref().ok().and_then(Frame::data_ref);
            frame.map_or(0, |data| data.len() as u64)
        };
        let read: u64 = self.frames.iter().map(data).sum();
        let rest = self.rest.as_ref().map(|rest| rest.size_hint());
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        // Of one that broke off nobody knows how long it was to be: a server takes a length for a promise,
        // and would end there as if that were all.
        let broke_off = self.frames.back().is_some_and(Result::is_err);
        if let Some(upper) = rest.upper().filter(|_| !broke_off) {
            hint.set_upper(upper.saturating_add(read));
        }
        hint.set_lower(rest.lower().saturating_add(read));
        hint
    }
}
