use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response};
use tower_service::Service;

use super::{
    Asked, Backup, Keeper, NoBackup, Once, ResponseFuture,
    future::{Call, Second},
    gives::Gives,
    rules::{How, Rule},
    shared::Shared,
    state,
};
use crate::{
    common::{macros::inner_accessors, target},
    protocol::{Head, Http, Inspect},
    replay::Replay,
};

/// A service with answers for the case that it has none. Made by
/// [`FallbackLayer`](super::FallbackLayer).
pub struct Fallback<S, P = Http, T = Response<Bytes>, B = NoBackup, R = Once> {
    inner: S,
    plan: Arc<Plan<T>>,
    protocol: P,
    backup: B,
    replay: R,
}

/// What the user has said, in the order of it, and what all clones share: one thing for a call to hold.
pub(super) struct Plan<T> {
    pub(super) shared: Arc<Shared>,
    pub(super) rules: Vec<Rule<T>>,
    /// Whether one of them gives what was kept, and whether one asks another service.
    keeps: bool,
    has_backup: bool,
    /// The headers that are kept of requests, and that tell answers apart.
    pub(super) headers: Vec<HeaderName>,
}

impl<T> Plan<T> {
    pub(super) const fn empty(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            rules: Vec::new(),
            keeps: false,
            has_backup: false,
            headers: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, rule: Rule<T>) {
        self.keeps |= matches!(rule.how, How::Stale);
        self.has_backup |= matches!(rule.how, How::Backup);
        self.rules.push(rule);
    }

    /// Under which key the answer may be kept.
    fn key(&self, head: &Head<'_>) -> Option<Vec<u8>> {
        let keyed = &self.headers[..];
        let keeps = self.keeps && state::may_keep_request(head.method, head.headers, keyed);
        keeps.then(|| target::key(head.method, head, keyed))
    }

    fn asked(&self, head: &Head<'_>) -> Asked {
        let mut headers = HeaderMap::new();
        for name in &self.headers {
            for value in head.headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        Asked {
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers,
        }
    }
}

impl<S, P, T, B, R> Fallback<S, P, T, B, R> {
    pub(super) fn new(inner: S, plan: Arc<Plan<T>>, (protocol, backup, replay): (P, B, R)) -> Self {
        Self {
            inner,
            plan,
            protocol,
            backup,
            replay,
        }
    }

    inner_accessors!();
}

impl<S, P, T, B, R, Req> Service<Req> for Fallback<S, P, T, B, R>
where
    S: Service<R::Request>,
    P: Gives<S::Response, S::Error, Given = T> + Inspect<Req> + Clone,
    B: Backup<R::Request, S::Response, S::Error>,
    R: Replay<Req> + Clone,
{
    type Response = P::Response<Keeper>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, P, T, B, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        let wire = self.protocol.wire(&request);
        let protocol = self.protocol.clone();
        if self.plan.rules.is_empty() || !self.plan.shared.is_enabled() {
            let first = self.inner.call(self.replay.once(request));
            return ResponseFuture::new(first, protocol, wire, None);
        }
        let Some(head) = self.protocol.head(&request) else {
            // Apart, so that nothing is moved about where nothing is kept.
            let (first, second) = self.first(request);
            let call = Call::new(self.plan.clone(), None, None, second);
            return ResponseFuture::new(first, protocol, wire, Some(call));
        };
        let (asked, key) = (self.plan.asked(&head), self.plan.key(&head));
        let (first, second) = self.first(request);
        let call = Call::new(self.plan.clone(), Some(asked), key, second);
        ResponseFuture::new(first, protocol, wire, Some(call))
    }
}

impl<S, P, T, B: Clone, R: Clone> Fallback<S, P, T, B, R> {
    /// Calls the service, and keeps what another one needs if there is one to ask.
    #[inline(always)]
    fn first<Req>(&mut self, request: Req) -> (S::Future, Second<B, R, R::Saved>)
    where
        S: Service<R::Request>,
        R: Replay<Req>,
    {
        if !self.plan.has_backup {
            return (self.inner.call(self.replay.once(request)), None);
        }
        let (request, saved) = self.replay.first(request, MAX_REPLAY_BYTES);
        let second = (self.backup.clone(), self.replay.clone(), saved);
        (self.inner.call(request), Some(second))
    }
}

/// Most bodies that are not uploads.
const MAX_REPLAY_BYTES: usize = 64 * 1024;

// By hand: what functions give need not be `Clone`.
impl<T> Clone for Plan<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            rules: self.rules.clone(),
            keeps: self.keeps,
            has_backup: self.has_backup,
            headers: self.headers.clone(),
        }
    }
}

impl<S: Clone, P: Clone, T, B: Clone, R: Clone> Clone for Fallback<S, P, T, B, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            plan: self.plan.clone(),
            protocol: self.protocol.clone(),
            backup: self.backup.clone(),
            replay: self.replay.clone(),
        }
    }
}

impl<S, P, T, B, R> fmt::Debug for Fallback<S, P, T, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback")
            .field("rules", &self.plan.rules)
            .field("shared", &self.plan.shared)
            .finish_non_exhaustive()
    }
}
