use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::tape::{Tape, Turn};
use crate::BoxError;

/// A request body that can be sent again.
///
/// Frames stream through as they come and are kept on the way, trailers included, as long as they stay
/// within the caps; beyond them the stream goes on and what was kept is forgotten. The body of a
/// further attempt gives what is kept, then the rest from where the last attempt left it, byte for
/// byte (small frames may share no memory with the original). Size hint and end of stream are those of
/// the original.
///
/// A body whose attempt is over gives no more frames but [`ReplayError::Superseded`], so an upload that
/// still runs breaks off instead of looking complete.
pub struct ReplayBody<B> {
    kind: Kind<B>,
}

enum Kind<B> {
    /// Sent once.
    Once(B),
    /// Nothing to send, once more.
    Empty,
    Taped(Taped<B>),
}

/// One attempt's reader of the tape.
struct Taped<B> {
    tape: Arc<Tape<B>>,
    turn: Turn,
}

impl<B> Drop for Taped<B> {
    fn drop(&mut self) {
        self.tape.release(self.turn);
    }
}

impl<B> ReplayBody<B> {
    pub(super) fn once(body: B) -> Self {
        Self {
            kind: Kind::Once(body),
        }
    }

    pub(super) fn empty() -> Self {
        Self { kind: Kind::Empty }
    }

    pub(super) fn of(tape: &Arc<Tape<B>>) -> Self {
        let turn = tape.turn();
        let tape = tape.clone();
        Self {
            kind: Kind::Taped(Taped { tape, turn }),
        }
    }
}

impl<B> HttpBody for ReplayBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.kind {
            Kind::Once(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Kind::Empty => Poll::Ready(None),
            Kind::Taped(taped) => taped.tape.poll_frame(&mut taped.turn, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Once(body) => body.is_end_stream(),
            Kind::Empty => true,
            Kind::Taped(taped) => taped.tape.is_end_stream(taped.turn),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Once(body) => body.size_hint(),
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Taped(taped) => taped.tape.size_hint(taped.turn),
        }
    }
}

// Nothing is pinned in here: bodies are polled through `Pin::new`.
impl<B> Unpin for ReplayBody<B> {}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Once(_) => "once",
            Kind::Empty => "empty",
            Kind::Taped(_) => "taped",
        };
        f.debug_struct("ReplayBody")
            .field("kind", &kind)
            .finish_non_exhaustive()
    }
}

/// Why a [`ReplayBody`] broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The attempt it belongs to is over.
    #[error("this attempt is over; the request is being sent again")]
    Superseded,
    /// The rest of the request was lost with the attempt before.
    #[error("the rest of the request body was lost with an earlier attempt")]
    Lost,
}
