use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::Extensions;
use tower_service::Service;

use super::{
    Attempt, MaxAttempts, Replay, Replayed, ResponseFuture,
    future::{Call, Holding},
    shared::Shared,
};
use crate::{
    budget::pot::Source,
    common::spare::{Held, Spare},
    observe::in_attempt,
    protocol::{Http, Inspect, Protocol},
};

/// A service that tries again. Made by [`RetryLayer`](super::RetryLayer).
#[derive(Clone)]
pub struct Retry<S, P = Http, R = Replayed> {
    inner: S,
    spare: Spare<S, Arc<Shared>, Source>,
    shared: Arc<Shared>,
    protocol: P,
    replay: R,
}

impl<S, P, R> Retry<S, P, R> {
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

impl<S, P, R, Req> Service<Req> for Retry<S, P, R>
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

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        if let Some(kept) = self.spare.kept()
            && self.protocol.head(&request).is_none()
            && !kept.shared.live.emitter.notes()
        {
            let max_attempts = kept.shared.max_attempts();
            if max_attempts > 1 {
                kept.shared.budget.record_call_of(&kept.own);
                let call = Call {
                    held: Held::Kept(kept.clone()),
                    protocol: self.protocol.clone(),
                    replay: self.replay.clone(),
                    wire: self.protocol.wire(&request),
                    max_attempts,
                };
                let cap = call.held.shared().max_replay_bytes();
                let (request, saved) = self.replay.first(request, cap);
                return ResponseFuture::new(self.inner.call(request), Some(saved), call);
            }
        }
        self.call_with_care(request)
    }
}

impl<S, P: Clone, R: Clone> Retry<S, P, R> {
    /// For a call that something has to be looked at for. Apart, so that the usual call is short.
    #[inline(never)]
    fn call_with_care<Req>(&mut self, request: Req) -> ResponseFuture<S, Req, P, R>
    where
        S: Service<R::Request> + Clone,
        P: Inspect<Req>,
        R: Replay<Req>,
    {
        let own = self.shared.max_attempts();
        if own > 0 {
            self.shared.budget.record_call();
            self.shared.note_budget();
        }
        let wire = self.protocol.wire(&request);
        let extensions = self.protocol.head(&request).map(|head| head.extensions);
        let max_attempts = match extensions.and_then(Extensions::get) {
            Some(MaxAttempts(wanted)) if own > 0 => *wanted,
            _ => own,
        };
        // A retry of a layer outside, which would be multiplied here.
        let is_retry = extensions
            .and_then(Extensions::get)
            .is_some_and(|Attempt(attempt)| *attempt > 1);
        let max_attempts = if is_retry && self.shared.leaves_retries_alone() {
            max_attempts.min(1)
        } else {
            max_attempts
        };
        let (request, saved) = if max_attempts > 1 {
            let cap = self.shared.max_replay_bytes();
            let (request, saved) = self.replay.first(request, cap);
            (request, Some(saved))
        } else {
            (self.replay.once(request), None)
        };
        let (trying, held) = self.first(request);
        ResponseFuture::new(
            trying,
            saved,
            Call {
                held,
                protocol: self.protocol.clone(),
                replay: self.replay.clone(),
                wire,
                max_attempts,
            },
        )
    }

    /// Makes the first attempt.
    fn first<Req>(&mut self, request: Req) -> (S::Future, Holding<S>)
    where
        S: Service<Req> + Clone,
    {
        let Self { inner, shared, .. } = self;
        let kept = self.spare.again(inner, shared, || shared.budget.source());
        if let Some(kept) = kept {
            return (in_attempt(1, || inner.call(request)), Held::Kept(kept));
        }
        // The service that was made ready takes the call; its clone stays here.
        let clone = inner.clone();
        let mut ready = mem::replace(inner, clone);
        let trying = in_attempt(1, || ready.call(request));
        (trying, Held::own(shared.clone(), ready))
    }
}

impl<S, P, R> fmt::Debug for Retry<S, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
