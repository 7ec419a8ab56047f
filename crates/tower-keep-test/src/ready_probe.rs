//! A service wrapper that notices when it is called without being ready.

use std::{
    sync::{
        Arc,
        // Every counter is a plain tally: read after the calls it counts, ordering nothing else.
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tower_service::Service;

/// Panics when it is called without a preceding `poll_ready` that returned `Ready`, on this very
/// clone.
///
/// Tower's contract gives readiness to one instance: a clone starts unready, and a call uses the
/// readiness up. Services that need this (`Buffer`, `ConcurrencyLimit`, a tonic `Channel`) panic or
/// starve when a layer readies one clone and calls another; most services do not care, so the
/// mistake passes all tests. Put the probe under a layer to find it.
///
/// ```
/// use tower::{ServiceExt, service_fn};
/// use tower_keep_test::ReadyProbe;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let probe = ReadyProbe::new(service_fn(async |n: u64| Ok::<_, std::convert::Infallible>(n + 1)));
/// let record = probe.record();
/// assert_eq!(probe.oneshot(1).await, Ok(2));
/// assert_eq!((record.calls(), record.violations()), (1, 0));
/// # }
/// ```
#[derive(Debug)]
pub struct ReadyProbe<S> {
    inner: S,
    ready: bool,
    pending: usize,
    pending_left: usize,
    record: ReadyRecord,
}

impl<S> ReadyProbe<S> {
    /// Wraps a service. The probe is not ready until it is polled.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            ready: false,
            pending: 0,
            pending_left: 0,
            record: ReadyRecord::default(),
        }
    }

    /// Makes each readiness take `times` polls that return `Pending` (and wake at once) first.
    /// The default is none.
    #[must_use]
    pub fn pending_before_ready(mut self, times: usize) -> Self {
        self.pending = times;
        self.pending_left = times;
        self
    }

    /// The tallies, shared by the probe and all of its clones.
    #[must_use]
    pub fn record(&self) -> ReadyRecord {
        self.record.clone()
    }
}

impl<S: Clone> Clone for ReadyProbe<S> {
    fn clone(&self) -> Self {
        self.record.0.clones.fetch_add(1, Relaxed);
        Self {
            inner: self.inner.clone(),
            ready: false,
            pending: self.pending,
            pending_left: self.pending,
            record: self.record.clone(),
        }
    }
}

impl<S: Service<Req>, Req> Service<Req> for ReadyProbe<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.record.0.polls.fetch_add(1, Relaxed);
        if self.pending_left > 0 {
            self.pending_left -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.inner.poll_ready(cx))?;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> S::Future {
        if !std::mem::take(&mut self.ready) {
            self.record.0.violations.fetch_add(1, Relaxed);
            panic!(
                "ReadyProbe: called an instance that was not ready. Readiness belongs to the \
                 instance whose `poll_ready` returned `Ready`, for one call: call that one and \
                 leave its clone behind (`std::mem::replace`); a further call needs a `poll_ready` \
                 of its own."
            );
        }
        self.pending_left = self.pending;
        self.record.0.calls.fetch_add(1, Relaxed);
        self.inner.call(req)
    }
}

/// What a [`ReadyProbe`] and its clones have seen.
#[derive(Clone, Debug, Default)]
pub struct ReadyRecord(Arc<Tallies>);

#[derive(Debug, Default)]
struct Tallies {
    clones: AtomicUsize,
    polls: AtomicUsize,
    calls: AtomicUsize,
    violations: AtomicUsize,
}

impl ReadyRecord {
    /// How many times the probe was cloned.
    #[must_use]
    pub fn clones(&self) -> usize {
        self.0.clones.load(Relaxed)
    }

    /// How many times `poll_ready` was called, whatever it returned.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.0.polls.load(Relaxed)
    }

    /// How many calls arrived at a ready instance.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Relaxed)
    }

    /// How many calls arrived at an instance that was not ready; each of them panicked.
    #[must_use]
    pub fn violations(&self) -> usize {
        self.0.violations.load(Relaxed)
    }
}
