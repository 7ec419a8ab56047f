use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    Kept, KeyRule, ResponseFuture, Share,
    board::{Arrival, Board},
    future::Call,
};
use crate::{common::macros::inner_accessors, protocol::Http};

/// A service that is asked once for what many want at once. Made by
/// [`CoalesceLayer`](super::CoalesceLayer).
pub struct Coalesce<S, P = Http, T = Kept> {
    inner: S,
    board: Arc<Board<T>>,
    rule: Option<Arc<KeyRule>>,
    protocol: P,
}

impl<S, P, T> Coalesce<S, P, T> {
    pub(super) fn new(
        inner: S,
        board: Arc<Board<T>>,
        rule: Option<Arc<KeyRule>>,
        protocol: P,
    ) -> Self {
        Self {
            inner,
            board,
            rule,
            protocol,
        }
    }

    inner_accessors!();
}

impl<S, P, T, Req> Service<Req> for Coalesce<S, P, T>
where
    S: Service<Req> + Clone,
    P: Share<Req, S::Response, S::Error, Kept = T> + Clone,
{
    type Response = P::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P, T>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        let call = match self.arrive(&request) {
            None => Call::alone(self.inner.call(request)),
            Some(Arrival::Alone) => {
                self.board.live.count_alone();
                Call::alone(self.inner.call(request))
            }
            Some(Arrival::Lead(lead)) => Call::leading(lead, || self.inner.call(request)),
            Some(Arrival::Wait(waiter)) => {
                // The service that was made ready waits; its clone stays here.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                Call::waiting(waiter, ready, request)
            }
        };
        let has_rule = self.rule.is_some();
        ResponseFuture::new(
            call,
            self.protocol.clone(),
            wire,
            self.board.live.clone(),
            has_rule,
        )
    }
}

impl<S, P, T> Coalesce<S, P, T> {
    /// What a call does that may share its answer.
    fn arrive<Req>(&self, request: &Req) -> Option<Arrival<T>>
    where
        S: Service<Req>,
        P: Share<Req, S::Response, S::Error, Kept = T>,
    {
        if !self.board.live.is_enabled() {
            return None;
        }
        let settings = self.board.live.settings();
        let key = self
            .protocol
            .key(request, self.rule.as_deref(), &settings.vary)?;
        Some(self.board.arrive(key))
    }
}

// By hand: answers need not be `Clone` for that.
impl<S: Clone, P: Clone, T> Clone for Coalesce<S, P, T> {
    fn clone(&self) -> Self {
        let (board, rule) = (self.board.clone(), self.rule.clone());
        Self::new(self.inner.clone(), board, rule, self.protocol.clone())
    }
}

impl<S, P, T> fmt::Debug for Coalesce<S, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesce")
            .field("board", &self.board)
            .finish_non_exhaustive()
    }
}
