use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::Extensions;
use tower_service::Service;

use super::{Attempt, MaxAttempts, Replay, Replayed, ResponseFuture, future::Call, shared::Shared};
use crate::{
    common::{macros::inner_accessors, tried::Tried},
    observe::in_attempt,
    protocol::{Http, Inspect, Protocol},
};

/// A service that tries again. Made by [`RetryLayer`](super::RetryLayer).
#[derive(Clone)]
pub struct Retry<S, P = Http, R = Replayed> {
    inner: S,
    shared: Arc<Shared>,
    protocol: P,
    replay: R,
}

impl<S, P, R> Retry<S, P, R> {
    pub(super) fn new(inner: S, shared: Arc<Shared>, protocol: P, replay: R) -> Self {
        Self {
            inner,
            shared,
            protocol,
            replay,
        }
    }

    inner_accessors!();
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

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let own = self.shared.max_attempts();
        if own > 0 {
            self.shared.budget.record_call();
            self.shared.note_budget();
        }
        // The service that was made ready takes the call; its clone stays here.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
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
        let trying = in_attempt(1, || inner.call(request));
        ResponseFuture::new(
            trying,
            Call {
                inner,
                saved,
                shared: self.shared.clone(),
                protocol: self.protocol.clone(),
                replay: self.replay.clone(),
                wire,
                attempt: 1,
                max_attempts,
                tried: Tried::NONE,
            },
        )
    }
}

impl<S, P, R> fmt::Debug for Retry<S, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
