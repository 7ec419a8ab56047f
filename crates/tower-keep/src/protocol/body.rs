use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project::{pin_project, pinned_drop};

use super::{End, Guard};
use crate::{BoxError, common::cancel};

/// A response body that keeps a [`Guard`] until the call is over.
///
/// Frames, trailers, size hint and end-of-stream pass through exactly. The call is over when the body
/// ends, fails or is dropped; a body that is dropped when it says that it has ended has ended, since
/// servers do not ask again then. The error is [`BoxError`], because a guard may cut the body
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
enum Kind<B, G> {
    /// The answer of the service.
    Inner {
        /// Gone only while it is being dropped, which happens in the guard's surroundings.
        #[pin]
        inner: Option<B>,
        #[pin]
        guard: Option<G>,
    },
    /// The answer of a layer.
    Full(Option<Bytes>),
    /// The answer of the service, cut off.
    Cut,
}

impl<B: HttpBody, G: Guard> Body<B, G> {
    pub(super) fn held(inner: B, guard: G) -> Self {
        Self {
            kind: Kind::Inner {
                inner: Some(inner),
                guard: Some(guard),
            },
        }
    }

    pub(super) fn free(inner: B) -> Self {
        Self {
            kind: Kind::Inner {
                inner: Some(inner),
                guard: None,
            },
        }
    }

    /// An answer that a layer gives by itself.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Full((!bytes.is_empty()).then_some(bytes)),
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
            KindProjected::Cut => return Poll::Ready(None),
            KindProjected::Inner { inner, mut guard } => {
                let Some(inner) = inner.as_pin_mut() else {
                    return Poll::Ready(None);
                };
                let polled = match guard.as_mut().as_pin_mut() {
                    Some(guard) => guard.surround(|| inner.poll_frame(cx)),
                    None => inner.poll_frame(cx),
                };
                let Some(held) = guard.as_mut().as_pin_mut() else {
                    return polled.map_err(Into::into);
                };
                match polled {
                    Poll::Ready(frame) => {
                        match &frame {
                            Some(Ok(data)) if data.is_data() => {
                                held.on_frame();
                                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                            }
                            Some(Ok(last)) => {
                                held.end(End::Complete {
                                    trailers: last.trailers_ref(),
                                });
                            }
                            Some(Err(_)) => held.end(End::Failed),
                            None => held.end(End::COMPLETE),
                        }
                        guard.set(None);
                        return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
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
            Kind::Cut => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { inner, .. } => {
                inner.as_ref().map_or_else(SizeHint::default, B::size_hint)
            }
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Kind::Cut => SizeHint::with_exact(0),
        }
    }
}

#[pinned_drop]
impl<B: HttpBody, G: Guard> PinnedDrop for Body<B, G> {
    fn drop(self: Pin<&mut Self>) {
        if let KindProjected::Inner { mut inner, guard } = self.project().kind.project()
            && let Some(mut guard) = guard.as_pin_mut()
        {
            if inner
                .as_ref()
                .get_ref()
                .as_ref()
                .is_some_and(B::is_end_stream)
            {
                guard.as_mut().end(End::COMPLETE);
            }
            // Where the guards of layers inside speak, so that what they say has the right id.
            guard.surround(|| inner.set(None));
        }
    }
}

impl<B: HttpBody, G: Guard> fmt::Debug for Body<B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
