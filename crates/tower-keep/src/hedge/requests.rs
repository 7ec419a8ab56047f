//! Which requests are sent twice, and what the second looks like, where that is up to the user.

use std::{fmt, sync::Arc};

use http::{Request, request::Parts};

use crate::{
    protocol::Wire,
    replay::{Replay, Skip},
};

/// Requests whose further attempts are changed by a closure. Of
/// [`HedgeLayer::rewrite`](super::HedgeLayer::rewrite).
pub struct Rewritten<R, F> {
    replay: R,
    rewrite: Arc<F>,
}

impl<R, F> Rewritten<R, F> {
    pub(super) fn new(replay: R, rewrite: F) -> Self {
        Self {
            replay,
            rewrite: Arc::new(rewrite),
        }
    }
}

impl<Req, R, F, B> Replay<Req> for Rewritten<R, F>
where
    R: Replay<Req, Request = Request<B>>,
    F: Fn(u32, &mut Parts),
{
    type Request = Request<B>;
    type Saved = R::Saved;

    fn once(&self, request: Req) -> Request<B> {
        self.replay.once(request)
    }

    fn first(&self, request: Req, cap: usize) -> (Request<B>, R::Saved) {
        self.replay.first(request, cap)
    }

    fn again(&self, saved: &R::Saved, attempt: u32, wire: Wire) -> Request<B> {
        let (mut head, body) = self.replay.again(saved, attempt, wire).into_parts();
        (self.rewrite)(attempt, &mut head);
        Request::from_parts(head, body)
    }

    fn is_idempotent(saved: &R::Saved) -> bool {
        R::is_idempotent(saved)
    }

    fn rewind(saved: &R::Saved, answered: bool) -> Result<(), Skip> {
        R::rewind(saved, answered)
    }

    fn share(saved: &R::Saved, answered: bool) -> Result<(), Skip> {
        R::share(saved, answered)
    }
}

/// Clones of the requests that a closure says yes to. Of
/// [`HedgeLayer::plain_if`](super::HedgeLayer::plain_if).
pub struct ClonedIf<F>(pub(super) Arc<F>);

impl<Req: Clone, F: Fn(&Req) -> bool> Replay<Req> for ClonedIf<F> {
    type Request = Req;
    /// None if it is not to be sent twice.
    type Saved = Option<Req>;

    fn once(&self, request: Req) -> Req {
        request
    }

    fn first(&self, request: Req, _: usize) -> (Req, Option<Req>) {
        let saved = (self.0)(&request).then(|| request.clone());
        (request, saved)
    }

    fn again(&self, saved: &Option<Req>, _: u32, _: Wire) -> Req {
        saved
            .clone()
            .expect("only what was kept is said to be idempotent")
    }

    fn is_idempotent(saved: &Option<Req>) -> bool {
        saved.is_some()
    }

    fn rewind(_: &Option<Req>, _: bool) -> Result<(), Skip> {
        Ok(())
    }

    fn share(_: &Option<Req>, _: bool) -> Result<(), Skip> {
        Ok(())
    }
}

// By hand: a closure need not be `Clone` for its `Arc` to be.
impl<R: Clone, F> Clone for Rewritten<R, F> {
    fn clone(&self) -> Self {
        Self {
            replay: self.replay.clone(),
            rewrite: self.rewrite.clone(),
        }
    }
}

impl<F> Clone for ClonedIf<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: fmt::Debug, F> fmt::Debug for Rewritten<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rewritten").field(&self.replay).finish()
    }
}

impl<F> fmt::Debug for ClonedIf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClonedIf")
    }
}
