//! How a request is made again.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body::Body as HttpBody;

use super::{ReplayBody, Skip, request, tape::Tape};
use crate::{BoxError, protocol::Wire};

/// How a request is made again, and what the service inside takes for it.
///
/// Of HTTP requests [`Replayed`], of all others [`Cloned`]. A kind of request that neither fits can
/// have its own, given to [`RetryLayer::with_replay`](crate::retry::RetryLayer::with_replay).
pub trait Replay<Req> {
    /// What the service inside takes.
    type Request;
    /// What is kept for further attempts.
    type Saved;

    /// The request, if it will be sent only once.
    fn once(&self, request: Req) -> Self::Request;

    /// The request for the first attempt, and what is needed for others; of a body at most `cap` bytes.
    fn first(&self, request: Req, cap: usize) -> (Self::Request, Self::Saved);

    /// The request for a further attempt, number `attempt`, after [`rewind`](Self::rewind) said yes.
    fn again(&self, saved: &Self::Saved, attempt: u32, wire: Wire) -> Self::Request;

    /// Whether doing it twice is the same as doing it once.
    fn is_idempotent(saved: &Self::Saved) -> bool;

    /// Makes ready for a further attempt, if the whole request is still at hand. `answered` says
    /// that the last attempt ended with an answer and not with an error.
    ///
    /// # Errors
    /// The reason why there can be no further attempt.
    fn rewind(saved: &Self::Saved, answered: bool) -> Result<(), Skip>;

    /// Makes ready for a further attempt beside those that run, if the whole request is still at hand;
    /// one of a kind that is sent once at a time says [`Skip::BodyUnfinished`], which is the default.
    ///
    /// # Errors
    /// The reason why there can be no further attempt.
    fn share(saved: &Self::Saved, answered: bool) -> Result<(), Skip> {
        let _ = (saved, answered);
        Err(Skip::BodyUnfinished)
    }
}

/// A clone of the request. Of [`RetryLayer::plain`](crate::retry::RetryLayer::plain).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Cloned;

impl<Req: Clone> Replay<Req> for Cloned {
    type Request = Req;
    type Saved = Req;

    fn once(&self, request: Req) -> Req {
        request
    }

    fn first(&self, request: Req, _: usize) -> (Req, Req) {
        (request.clone(), request)
    }

    fn again(&self, saved: &Req, _: u32, _: Wire) -> Req {
        saved.clone()
    }

    fn is_idempotent(_: &Req) -> bool {
        true
    }

    fn rewind(_: &Req, _: bool) -> Result<(), Skip> {
        Ok(())
    }

    fn share(_: &Req, _: bool) -> Result<(), Skip> {
        Ok(())
    }
}

/// The head of an HTTP request copied, its body kept as it streams. `K` makes the body that the
/// service inside takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replayed<K = Streamed>(pub(crate) K);

impl<B, K> Replay<Request<B>> for Replayed<K>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
    K: BodyKind<B>,
{
    type Request = Request<K::Body>;
    type Saved = SavedRequest<B>;

    fn once(&self, request: Request<B>) -> Self::Request {
        request.map(|body| self.0.once(body))
    }

    fn first(&self, request: Request<B>, cap: usize) -> (Self::Request, Self::Saved) {
        let (head, body) = request.into_parts();
        let saved_head = head.clone();
        let (body, tape) = if body.is_end_stream() {
            (self.0.once(body), None)
        } else {
            let tape = Arc::new(Tape::new(body, cap));
            (self.0.again(ReplayBody::of(&tape)), Some(tape))
        };
        let saved = SavedRequest {
            head: saved_head,
            tape,
        };
        (Request::from_parts(head, body), saved)
    }

    fn again(&self, saved: &Self::Saved, attempt: u32, wire: Wire) -> Self::Request {
        let mut head = saved.head.clone();
        request::mark(&mut head.headers, &mut head.extensions, attempt, wire);
        let body = match &saved.tape {
            Some(tape) => ReplayBody::of(tape),
            None => ReplayBody::empty(),
        };
        Request::from_parts(head, self.0.again(body))
    }

    fn is_idempotent(saved: &Self::Saved) -> bool {
        let head = &saved.head;
        request::is_idempotent(&head.method, &head.headers, &head.extensions)
    }

    fn rewind(saved: &Self::Saved, answered: bool) -> Result<(), Skip> {
        saved
            .tape
            .as_ref()
            .map_or(Ok(()), |tape| tape.rewind(answered))
    }

    fn share(saved: &Self::Saved, answered: bool) -> Result<(), Skip> {
        saved
            .tape
            .as_ref()
            .map_or(Ok(()), |tape| tape.share(answered))
    }
}

/// What is kept of an HTTP request.
pub struct SavedRequest<B> {
    head: Parts,
    /// None if there is no body.
    tape: Option<Arc<Tape<B>>>,
}

impl<B> Drop for SavedRequest<B> {
    fn drop(&mut self) {
        if let Some(tape) = &self.tape {
            tape.commit();
        }
    }
}

impl<B> fmt::Debug for SavedRequest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedRequest")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

/// Makes the body that the service inside takes.
pub trait BodyKind<B> {
    /// The body that the service inside takes.
    type Body;
    /// A body that is sent only once.
    fn once(&self, body: B) -> Self::Body;
    /// A body that can be sent again.
    fn again(&self, body: ReplayBody<B>) -> Self::Body;
}

/// The service inside takes [`ReplayBody<B>`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Streamed;

impl<B> BodyKind<B> for Streamed {
    type Body = ReplayBody<B>;

    fn once(&self, body: B) -> ReplayBody<B> {
        ReplayBody::once(body)
    }

    fn again(&self, body: ReplayBody<B>) -> ReplayBody<B> {
        body
    }
}

/// The service inside takes the callers' body type. Of
/// [`RetryLayer::same_body`](crate::retry::RetryLayer::same_body).
#[derive(Clone, Copy)]
pub struct SameBody<F>(pub(crate) F);

impl<B, F: Fn(ReplayBody<B>) -> B> BodyKind<B> for SameBody<F> {
    type Body = B;

    fn once(&self, body: B) -> B {
        body
    }

    fn again(&self, body: ReplayBody<B>) -> B {
        (self.0)(body)
    }
}

/// The service inside takes a body type of its own. Of
/// [`RetryLayer::map_body`](crate::retry::RetryLayer::map_body).
#[derive(Clone, Copy)]
pub struct MapBody<F>(pub(crate) F);

impl<B, To, F: Fn(ReplayBody<B>) -> To> BodyKind<B> for MapBody<F> {
    type Body = To;

    fn once(&self, body: B) -> To {
        (self.0)(ReplayBody::once(body))
    }

    fn again(&self, body: ReplayBody<B>) -> To {
        (self.0)(body)
    }
}

impl<F> fmt::Debug for SameBody<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SameBody")
    }
}

impl<F> fmt::Debug for MapBody<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MapBody")
    }
}
