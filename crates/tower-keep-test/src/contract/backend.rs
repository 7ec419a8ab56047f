//! The service that the contract puts under a layer.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll, Waker, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::payload::Download;
use crate::{ReadyProbe, body::Frames, common::lock};

/// What a layer is given to wrap: a [`Backend`] that insists on being called ready.
pub type Bare<M = ()> = ReadyProbe<Backend<M>>;

/// A service that is slow, silent or panics where the check at hand wants it.
///
/// It answers HTTP requests with 200, after reading the request's body to its end, and `u64`
/// requests with the number plus one. `M` rides along in the service, its futures and bodies;
/// [`Local`] makes all of them `!Send`.
pub struct Backend<M = ()> {
    control: Arc<Control>,
    pause: Option<Pause>,
    marker: M,
}

/// The marker of a [`Backend`] that stays on its thread.
pub type Local = std::rc::Rc<()>;

/// How the backend behaves; read anew by each call.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Polls until ready.
    pub(super) ready_after: usize,
    /// Polls until the head of the response.
    pub(super) head_after: usize,
    /// Pauses end by [`Control::wake`] instead of waking themselves.
    pub(super) by_hand: bool,
    pub(super) panics: Option<Panics>,
    pub(super) body: Frames,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Panics {
    InCall,
    InFuture,
}

/// The check's hold on the backend.
#[derive(Debug, Default)]
pub(super) struct Control {
    plan: Mutex<Arc<Plan>>,
    wakers: Mutex<Vec<Waker>>,
    turn: AtomicUsize,
    calls: AtomicUsize,
    received: AtomicUsize,
}

impl Control {
    pub(super) fn set(&self, plan: Plan) {
        *lock(&self.plan) = Arc::new(plan);
    }

    /// Ends the pauses that wait now.
    pub(super) fn wake(&self) {
        // Pairs with the Acquire in `Pause::poll`.
        self.turn.fetch_add(1, Release);
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        for waker in wakers {
            waker.wake();
        }
    }

    /// Calls that arrived; a tally.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// Bytes of request bodies that arrived; a tally.
    pub(super) fn received(&self) -> usize {
        self.received.load(Relaxed)
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&lock(&self.plan))
    }
}

impl<M> Backend<M> {
    pub(super) fn new(marker: M) -> (Bare<M>, Arc<Control>) {
        let control = Arc::new(Control::default());
        let backend = Self {
            control: Arc::clone(&control),
            pause: None,
            marker,
        };
        (ReadyProbe::new(backend), control)
    }

    fn poll_prepared(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let plan = self.control.plan();
        self.pause
            .get_or_insert_with(|| Pause::new(plan.ready_after))
            .poll(cx, &plan, &self.control)
    }

    fn begin(&mut self) -> Reply {
        self.pause = None;
        let plan = self.control.plan();
        assert!(
            plan.panics != Some(Panics::InCall),
            "the inner service panics in `call`, as the contract wants"
        );
        self.control.calls.fetch_add(1, Relaxed);
        Reply {
            pause: Pause::new(plan.head_after),
            plan,
            control: Arc::clone(&self.control),
        }
    }
}

impl<M: Clone> Clone for Backend<M> {
    fn clone(&self) -> Self {
        Self {
            control: Arc::clone(&self.control),
            pause: None,
            marker: self.marker.clone(),
        }
    }
}

impl<M> fmt::Debug for Backend<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

impl<M: Clone, B: Body> Service<Request<B>> for Backend<M> {
    type Response = Response<Download<M>>;
    type Error = Infallible;
    type Future = HttpFuture<B, M>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.poll_prepared(cx).map(Ok)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        HttpFuture {
            upload: Some(req.into_body()),
            reply: self.begin(),
            marker: self.marker.clone(),
        }
    }
}

impl<M: Clone> Service<u64> for Backend<M> {
    type Response = u64;
    type Error = BoxError;
    type Future = PlainFuture<M>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.poll_prepared(cx).map(Ok)
    }

    fn call(&mut self, req: u64) -> Self::Future {
        PlainFuture {
            req,
            reply: self.begin(),
            _marker: self.marker.clone(),
        }
    }
}

/// The future of an HTTP call to a [`Backend`].
#[pin_project]
pub struct HttpFuture<B, M> {
    #[pin]
    upload: Option<B>,
    reply: Reply,
    marker: M,
}

impl<B: Body, M: Clone> Future for HttpFuture<B, M> {
    type Output = Result<Response<Download<M>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        while let Some(upload) = this.upload.as_mut().as_pin_mut() {
            match ready!(upload.poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let bytes = frame.data_ref().map_or(0, bytes::Buf::remaining);
                    this.reply.control.received.fetch_add(bytes, Relaxed);
                }
                Some(Err(_)) | None => this.upload.set(None),
            }
        }
        ready!(this.reply.poll(cx));
        let body = Download::new(this.reply.plan.body.clone(), this.marker.clone());
        Poll::Ready(Ok(Response::new(body)))
    }
}

impl<B, M> fmt::Debug for HttpFuture<B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFuture").finish_non_exhaustive()
    }
}

/// The future of a plain call to a [`Backend`].
pub struct PlainFuture<M> {
    req: u64,
    reply: Reply,
    _marker: M,
}

/// Nothing in it is ever pinned.
impl<M> Unpin for PlainFuture<M> {}

impl<M> Future for PlainFuture<M> {
    type Output = Result<u64, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.reply.poll(cx));
        Poll::Ready(Ok(self.req + 1))
    }
}

impl<M> fmt::Debug for PlainFuture<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainFuture").finish_non_exhaustive()
    }
}

/// The part of a call that does not depend on the protocol.
struct Reply {
    pause: Pause,
    plan: Arc<Plan>,
    control: Arc<Control>,
}

impl Reply {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.pause.poll(cx, &self.plan, &self.control));
        assert!(
            self.plan.panics != Some(Panics::InFuture),
            "the inner service panics in its future, as the contract wants"
        );
        Poll::Ready(())
    }
}

/// A number of `Pending`s.
struct Pause {
    left: usize,
    /// The turn that the present one waits to see passed.
    since: Option<usize>,
}

impl Pause {
    fn new(polls: usize) -> Self {
        Self {
            left: polls,
            since: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, plan: &Plan, control: &Control) -> Poll<()> {
        // Pairs with the Release in `Control::wake`.
        let turn = control.turn.load(Acquire);
        if self.since.is_some_and(|since| since != turn) {
            self.since = None;
            self.left -= 1;
        }
        if self.left == 0 {
            return Poll::Ready(());
        }
        if plan.by_hand {
            self.since = Some(turn);
            lock(&control.wakers).push(cx.waker().clone());
        } else {
            self.left -= 1;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
