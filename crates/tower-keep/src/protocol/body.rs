use std::{
    fmt,
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
    kind: Kind<B, G>,
}

#[pin_project(project = KindProjected)]
enum Kind<B: HttpBody, G> {
    /// The answer of the service.
    Inner {
        /// Gone only while it is being dropped, which happens in the guard's surroundings.
        #[pin]
        inner: Option<B>,
        #[pin]
        guard: Option<G>,
        left: Left,
    },
    /// The answer of a layer.
    Full(Option<Bytes>),
    /// An answer of the service to another call, that was kept.
    Kept(Kept),
    /// The answer of the service, of which the beginning was read already.
    ReadAhead(ReadAhead<B>),
    /// The answer of the service, cut off.
    Cut,
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
    pub(super) fn held(inner: B, guard: G, left: Left) -> Self {
        Self {
            kind: Kind::Inner {
                inner: Some(inner),
                guard: Some(guard),
                left,
            },
        }
    }

    pub(crate) fn free(inner: B) -> Self {
        Self {
            kind: Kind::Inner {
                inner: Some(inner),
                guard: None,
                left: Left::UNKNOWN,
            },
        }
    }

    /// An answer that a layer gives by itself.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Full((!bytes.is_empty()).then_some(bytes)),
        }
    }

    /// An answer of which the beginning was read already.
    pub(crate) fn read_ahead(body: ReadAhead<B>) -> Self {
        Self {
            kind: Kind::ReadAhead(body),
        }
    }

    /// An answer that was given before.
    pub(crate) fn kept(answer: Kept) -> Self {
        Self {
            kind: Kind::Kept(answer),
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

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut kind = self.project().kind;
        let rejection = match kind.as_mut().project() {
            KindProjected::Full(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            KindProjected::ReadAhead(body) => return body.poll_frame(cx),
            KindProjected::Kept(kept) => return Poll::Ready(kept.next_frame().map(Ok)),
            KindProjected::Cut => return Poll::Ready(None),
            KindProjected::Inner {
                inner,
                mut guard,
                left,
            } => {
                let Some(inner) = inner.as_pin_mut() else {
                    return Poll::Ready(None);
                };
                let polled = match guard.as_mut().as_pin_mut() {
                    Some(guard) if G::INTERCEPTS => {
                        guard.intercept(cx, |cx| into_boxed(inner.poll_frame(cx)))
                    }
                    Some(guard) => into_boxed(guard.surround(|| inner.poll_frame(cx))),
                    None => into_boxed(inner.poll_frame(cx)),
                };
                let Some(held) = guard.as_mut().as_pin_mut() else {
                    return polled;
                };
                match polled {
                    Poll::Ready(frame) => {
                        match &frame {
                            Some(Ok(next)) => {
                                if let Some(data) = next.data_ref() {
                                    left.take(data.len());
                                    held.on_frame(data);
                                    return Poll::Ready(frame);
                                }
                                held.end(End::Complete {
                                    trailers: next.trailers_ref(),
                                });
                            }
                            Some(Err(_)) => held.end(End::Failed),
                            None => held.end(End::COMPLETE),
                        }
                        guard.set(None);
                        if G::INTERCEPTS && matches!(frame, Some(Err(_))) {
                            // The body itself may have more to give, and may not be asked again.
                            kind.set(Kind::Cut);
                        }
                        return Poll::Ready(frame);
                    }
                    // The work is asked before the timer: a frame that is there is passed on.
                    Poll::Pending => std::task::ready!(held.poll_cut(cx)),
                }
            }
        };
        let reason = cancel::Reason::of_deadline(rejection.is_callers_deadline());
        cancel::because(reason, || kind.set(Kind::Cut));
        Poll::Ready(Some(Err(rejection.into())))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { inner, .. } => inner.as_ref().is_none_or(B::is_end_stream),
            Kind::Full(bytes) => bytes.is_none(),
            Kind::ReadAhead(body) => body.is_end(),
            Kind::Kept(kept) => kept.is_end(),
            Kind::Cut => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { inner, .. } => {
                inner.as_ref().map_or_else(SizeHint::default, B::size_hint)
            }
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::ReadAhead(body) => body.size_hint(),
            Kind::Kept(kept) => SizeHint::with_exact(kept.left()),
            Kind::Cut => SizeHint::with_exact(0),
        }
    }
}

#[pinned_drop]
impl<B: HttpBody, G: Guard> PinnedDrop for Body<B, G> {
    fn drop(self: Pin<&mut Self>) {
        if let KindProjected::Inner {
            mut inner,
            guard,
            left,
        } = self.project().kind.project()
            && let Some(mut guard) = guard.as_pin_mut()
        {
            let inner_now = inner.as_ref().get_ref().as_ref();
            if left.is_nothing() || inner_now.is_some_and(B::is_end_stream) {
                guard.as_mut().end(End::COMPLETE);
            }
            // Where the guards of layers inside speak, so that what they say has the right id.
            guard.surround(|| inner.set(None));
        }
    }
}

fn into_boxed<E: Into<BoxError>>(polled: Poll<Option<Result<Frame<Bytes>, E>>>) -> PolledFrame {
    polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
}

impl<B: HttpBody, G: Guard> fmt::Debug for Body<B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
