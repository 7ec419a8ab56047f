use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project::{pin_project, pinned_drop};

use super::{End, Guard, PolledFrame};
use crate::{
    BoxError,
    common::{
        answer::{Kept, ReadAhead},
        cancel,
    },
};

/// A response body that keeps a [`Guard`] until the call is over.
///
/// Frames, trailers, size hint and end-of-stream pass through exactly. The call is over when the body
/// ends, fails or is dropped; a body that is dropped when it says that it has ended has ended, and so has
/// one that has given as much as `Content-Length` says, since servers do not ask again then. The error is [`BoxError`], because a guard may cut the body
/// off with a [`Rejection`](crate::rejection::Rejection).
#[pin_project(PinnedDrop)]
pub struct Body<B, G>
where
    B: HttpBody,
    G: Guard,
{
    #[pin]
    answer: Answer<B>,
    /// Gone once the call is over.
    #[pin]
    guard: Option<G>,
    left: Left,
}

/// What the frames come from.
///
/// One word more than a body of the service, and nothing more than another of these: what is not the
/// service's hides in the values that the inner one's tag does not use.
#[pin_project(project = AnswerProjected)]
enum Answer<B: HttpBody> {
    /// The answer of the service.
    Inner(#[pin] B),
    /// The answer of a layer.
    Full(Bytes),
    /// An answer of the service to another call, that was kept.
    Kept(Kept),
    /// The answer of the service, of which the beginning was read already.
    ReadAhead(Box<ReadAhead<B>>),
    /// Nothing any more: given in full, cut off, or just being dropped in the guard's surroundings.
    Gone,
}

/// How many bytes are still to come, of an answer that says how many there are.
///
/// A server drops the body once it has sent them: a stream, that of a file for instance, does not know then
/// that it has ended.
#[derive(Clone, Copy)]
pub(super) struct Left(u64);

impl Left {
    pub(super) const UNKNOWN: Self = Self(u64::MAX);

    /// Of none, it is for the body to say that it has ended.
    pub(super) fn of(length: u64) -> Self {
        if length == 0 {
            Self::UNKNOWN
        } else {
            Self(length)
        }
    }

    fn take(&mut self, bytes: usize) {
        if self.0 != u64::MAX {
            // More than was said is nothing to rely on.
            self.0 = self.0.checked_sub(bytes as u64).unwrap_or(u64::MAX);
        }
    }

    const fn is_nothing(self) -> bool {
        self.0 == 0
    }
}

impl<B: HttpBody, G: Guard> Body<B, G> {
    /// The answer of the service; with no guard, of a call that is over.
    #[inline]
    pub(super) fn held(inner: B, guard: Option<G>, left: Left) -> Self {
        Self {
            answer: Answer::Inner(inner),
            guard,
            left,
        }
    }

    pub(crate) fn free(inner: B) -> Self {
        Self::held(inner, None, Left::UNKNOWN)
    }

    /// An answer that a layer gives by itself.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::own(if bytes.is_empty() {
            Answer::Gone
        } else {
            Answer::Full(bytes)
        })
    }

    /// An answer of which the beginning was read already.
    pub(crate) fn read_ahead(body: ReadAhead<B>) -> Self {
        Self::own(Answer::ReadAhead(Box::new(body)))
    }

    /// An answer that was given before.
    pub(crate) fn kept(answer: Kept) -> Self {
        Self::own(Answer::Kept(answer))
    }

    fn own(answer: Answer<B>) -> Self {
        Self {
            answer,
            guard: None,
            left: Left::UNKNOWN,
        }
    }
}

impl<B, G> HttpBody for Body<B, G>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
    G: Guard,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let AnswerProjected::Inner(inner) = this.answer.as_mut().project() else {
            return this.answer.poll_own(cx);
        };
        let Some(mut guard) = this.guard.as_mut().as_pin_mut() else {
            return into_boxed(inner.poll_frame(cx));
        };
        let polled = if G::INTERCEPTS {
            let poll = |cx: &mut Context<'_>| into_boxed(inner.poll_frame(cx));
            guard.as_mut().intercept(cx, poll)
        } else {
            into_boxed(guard.as_mut().surround(|| inner.poll_frame(cx)))
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                Some(data) => {
                    this.left.take(data.len());
                    guard.on_frame(data);
                    return polled;
                }
                None => guard.end(End::Complete {
                    trailers: frame.trailers_ref(),
                }),
            },
            Poll::Ready(Some(Err(_))) => guard.end(End::Failed),
            Poll::Ready(None) => guard.end(End::COMPLETE),
            // The work is asked before the timer: a frame that is there is passed on.
            Poll::Pending => {
                let rejection = std::task::ready!(guard.poll_cut(cx));
                let reason = cancel::Reason::of_deadline(rejection.is_callers_deadline());
                cancel::because(reason, || {
                    this.answer.set(Answer::Gone);
                    this.guard.set(None);
                });
                return Poll::Ready(Some(Err(rejection.into())));
            }
        }
        this.guard.set(None);
        if G::INTERCEPTS && matches!(polled, Poll::Ready(Some(Err(_)))) {
            // The body itself may have more to give, and may not be asked again.
            this.answer.set(Answer::Gone);
        }
        polled
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.answer {
            Answer::Inner(inner) => inner.is_end_stream(),
            own => own.is_own_end(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.answer {
            Answer::Inner(inner) => inner.size_hint(),
            own => own.own_size_hint(),
        }
    }
}

/// The answers that are not the service's; apart, so that the usual one is short.
impl<B> Answer<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    #[cold]
    fn poll_own(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        match self.as_mut().project() {
            AnswerProjected::Inner(_) | AnswerProjected::Gone => Poll::Ready(None),
            AnswerProjected::ReadAhead(body) => body.poll_frame(cx),
            AnswerProjected::Kept(kept) => Poll::Ready(kept.next_frame().map(Ok)),
            AnswerProjected::Full(bytes) => {
                let bytes = mem::take(bytes);
                self.set(Self::Gone);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }

    #[cold]
    fn is_own_end(&self) -> bool {
        match self {
            Self::Inner(_) | Self::Full(_) => false,
            Self::ReadAhead(body) => body.is_end(),
            Self::Kept(kept) => kept.is_end(),
            Self::Gone => true,
        }
    }

    #[cold]
    fn own_size_hint(&self) -> SizeHint {
        match self {
            Self::Inner(inner) => inner.size_hint(),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::ReadAhead(body) => body.size_hint(),
            Self::Kept(kept) => SizeHint::with_exact(kept.left()),
            Self::Gone => SizeHint::with_exact(0),
        }
    }
}

#[pinned_drop]
impl<B: HttpBody, G: Guard> PinnedDrop for Body<B, G> {
    #[inline]
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if let Some(mut guard) = this.guard.as_pin_mut() {
            let is_end = match this.answer.as_ref().get_ref() {
                Answer::Inner(inner) => inner.is_end_stream(),
                _ => false,
            };
            if is_end || this.left.is_nothing() {
                guard.as_mut().end(End::COMPLETE);
            }
            // Where the guards of layers inside speak, so that what they say has the right id.
            guard.surround(|| this.answer.set(Answer::Gone));
        }
    }
}

#[inline]
fn into_boxed<E: Into<BoxError>>(polled: Poll<Option<Result<Frame<Bytes>, E>>>) -> PolledFrame {
    polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
}

impl<B: HttpBody, G: Guard> fmt::Debug for Body<B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::{Full, combinators::UnsyncBoxBody};

    use super::*;

    struct Count(#[expect(dead_code, reason = "its size counts")] Arc<()>);

    impl Guard for Count {
        fn end(self: Pin<&mut Self>, _: End<'_>) {}
    }

    fn nested<B: HttpBody<Data = Bytes, Error: Into<BoxError>>>() {
        const WORD: usize = size_of::<usize>();
        let one = size_of::<Body<B, Count>>();
        let two = size_of::<Body<Body<B, Count>, Count>>();
        let three = size_of::<Body<Body<Body<B, Count>, Count>, Count>>();
        // Its guard, and one word beside.
        assert_eq!([two - one, three - two], [size_of::<Count>() + WORD; 2]);
        // The first may have to make room for a refusal's text.
        let answer = size_of::<B>().max(size_of::<Bytes>()) + WORD;
        assert!(one <= answer + size_of::<Count>() + WORD, "{one}");
    }

    #[test]
    fn each_layer_adds_its_guard_and_one_word() {
        nested::<Full<Bytes>>();
        nested::<UnsyncBoxBody<Bytes, BoxError>>();
    }
}
