use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use sync_wrapper::SyncWrapper;

use crate::{
    BoxError,
    replay::{BodyKind, ReplayBody},
};

/// The body of a request that a [`ClientStack`](super::ClientStack) sends on, whatever the caller's is.
///
/// One type, because clients have one: hyper's, reqwest's and tonic's. An empty body costs nothing, any
/// other an allocation.
pub struct ClientBody(Option<Full>);

struct Full {
    /// `Sync`, as reqwest wants it, because nobody looks into it who does not have all of it; so what
    /// it says of its size and end is kept beside.
    body: SyncWrapper<UnsyncBoxBody<Bytes, BoxError>>,
    hint: SizeHint,
    is_end: bool,
}

impl ClientBody {
    /// From any body.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        Self(Some(Full {
            hint: body.size_hint(),
            is_end: false,
            body: SyncWrapper::new(body.map_err(Into::into).boxed_unsync()),
        }))
    }

    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }
}

impl Default for ClientBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(Full { body, hint, is_end }) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let body = body.get_mut();
        let polled = Pin::new(&mut *body).poll_frame(cx);
        *hint = body.size_hint();
        *is_end = body.is_end_stream();
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|full| full.is_end)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.0.as_ref().map(|full| full.hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl fmt::Debug for ClientBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBody")
            .field("is_empty", &self.0.is_none())
            .finish_non_exhaustive()
    }
}

/// Makes a [`ClientBody`] of the caller's body, or of what retry keeps of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToClientBody;

impl<B> BodyKind<B> for ToClientBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Body = ClientBody;

    fn once(&self, body: B) -> ClientBody {
        ClientBody::new(body)
    }

    fn again(&self, body: ReplayBody<B>) -> ClientBody {
        ClientBody::new(body)
    }
}

/// Leaves a [`ClientBody`] one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SameClientBody;

impl BodyKind<ClientBody> for SameClientBody {
    type Body = ClientBody;

    fn once(&self, body: ClientBody) -> ClientBody {
        body
    }

    fn again(&self, body: ReplayBody<ClientBody>) -> ClientBody {
        ClientBody::new(body)
    }
}
