use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    future::ResponseFuture,
    race::{Holding, Race},
    shared::Shared,
};
use crate::{
    common::spare::{Held, Spare},
    observe::in_attempt,
    protocol::{Http, Inspect, Protocol},
    replay::{Attempt, Replay, Replayed},
};

/// A service that asks twice where the first answer is late. Made by
/// [`HedgeLayer`](super::HedgeLayer).
#[derive(Clone)]
pub struct Hedge<S, P = Http, R = Replayed> {
    inner: S,
    spare: Spare<S, Arc<Shared>, ()>,
    shared: Arc<Shared>,
    protocol: P,
    replay: R,
}

impl<S, P, R> Hedge<S, P, R> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, protocol: P, replay: R) -> Self {
        Self {
            inner,
            spare: Spare::new(),
            shared,
            protocol,
            replay,
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        self.spare.forget();
        &mut self.inner
    }

    /// Takes the service out of the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P, R, Req> Service<Req> for Hedge<S, P, R>
where
    S: Service<R::Request> + Clone,
    P: Protocol<S::Response, S::Error> + Inspect<Req> + Clone,
    R: Replay<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        let protocol = self.protocol.clone();
        let hedges = self.shared.hedges();
        let head = self.protocol.head(&request);
        if hedges == 0 || !head.is_none_or(|head| self.shared.is_eligible(&head)) {
            let request = self.replay.once(request);
            return ResponseFuture::new(self.inner.call(request), None, protocol, wire);
        }
        if self.shared.fills {
            self.shared.budget.record_call();
        }
        // A retry around us may have sent it before.
        let attempt = head.map(|head| head.extensions.get::<Attempt>());
        let attempt = attempt.flatten().map_or(1, |attempt| attempt.0);
        let has_head = head.is_some();
        let cap = self.shared.max_replay_bytes();
        let (request, saved) = self.replay.first(request, cap);
        if !has_head && !R::is_idempotent(&saved) {
            drop(saved);
            return ResponseFuture::new(self.inner.call(request), None, protocol, wire);
        }
        let (first, held) = self.first(request, attempt);
        let race = Race::new(held, saved, self.replay.clone(), attempt, hedges);
        ResponseFuture::new(first, Some(race), protocol, wire)
    }
}

impl<S, P, R> Hedge<S, P, R> {
    /// Makes the first attempt.
    #[inline]
    fn first<Req>(&mut self, request: Req, attempt: u32) -> (S::Future, Holding<S>)
    where
        S: Service<Req> + Clone,
    {
        let Self { inner, shared, .. } = self;
        // The usual call looks no further than this.
        let kept = self.spare.kept().cloned();
        if let Some(kept) = kept.or_else(|| self.spare.again(inner, shared, || ())) {
            return (
                in_attempt(attempt, || inner.call(request)),
                Held::Kept(kept),
            );
        }
        // The service that was made ready takes the call; its clone stays here.
        let clone = inner.clone();
        let mut ready = mem::replace(inner, clone);
        let first = in_attempt(attempt, || ready.call(request));
        (first, Held::own(shared.clone(), ready))
    }
}

impl<S, P, R> fmt::Debug for Hedge<S, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
