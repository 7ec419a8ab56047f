//! The handler of all routes: counts what reaches it.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        // Tallies, read after every response has arrived; the gate below orders by `Notify`.
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    handler::Handler,
    http::{HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;

/// How long a crowd is waited for. Requests that a layer queues never join it.
const CROWD_PATIENCE: Duration = Duration::from_millis(250);

/// Tells a response of the handler from one of the layer.
pub(super) const METERED: HeaderName = HeaderName::from_static("tower-keep-test-metered");

type Reply = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The caller's handler, with hits and peak counted around it.
#[derive(Clone)]
pub struct Meter {
    handler: Arc<dyn Fn(Request) -> Reply + Send + Sync>,
    counts: Arc<Counts>,
}

/// The marker of [`Meter`]'s `Handler` implementation.
#[derive(Debug)]
pub struct Metered;

impl Meter {
    /// `crowd` requests will be there at once, unless the layer keeps some away; 0 for none.
    pub(super) fn new<H, F>(handler: H, crowd: usize) -> Self
    where
        H: Fn(Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + Send + 'static,
    {
        Self {
            handler: Arc::new(move |request| {
                let reply = handler(request);
                Box::pin(async { reply.await.into_response() })
            }),
            counts: Arc::new(Counts {
                crowd,
                hits: AtomicUsize::new(0),
                present: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
                accounted: AtomicUsize::new(0),
                open: Notify::new(),
            }),
        }
    }

    pub(super) fn hits(&self) -> usize {
        self.counts.hits.load(Relaxed)
    }

    pub(super) fn peak(&self) -> usize {
        self.counts.peak.load(Relaxed)
    }

    /// A request was answered without reaching the handler.
    pub(super) fn turned_away(&self) {
        self.counts.account();
    }
}

impl<S> Handler<Metered, S> for Meter {
    type Future = Reply;

    fn call(self, request: Request, _: S) -> Reply {
        Box::pin(async move {
            let presence = Presence::new(Arc::clone(&self.counts));
            self.counts.gather().await;
            let response = (self.handler)(request).await;
            let mut response = response.map(|body| {
                Body::new(MeteredBody {
                    presence: (!body.is_end_stream()).then_some(presence),
                    body,
                })
            });
            let headers = response.headers_mut();
            headers.insert(METERED, HeaderValue::from_static("1"));
            response
        })
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("hits", &self.hits())
            .field("peak", &self.peak())
            .finish_non_exhaustive()
    }
}

struct Counts {
    crowd: usize,
    hits: AtomicUsize,
    present: AtomicUsize,
    peak: AtomicUsize,
    /// Requests that are in the handler or were turned away.
    accounted: AtomicUsize,
    open: Notify,
}

impl Counts {
    fn account(&self) {
        // SeqCst, as in `gather`: of a request that looks and one that counts, one sees the other.
        if self.accounted.fetch_add(1, SeqCst) + 1 >= self.crowd {
            self.open.notify_waiters();
        }
    }

    /// Waits until every request of the crowd is in the handler or turned away, so that all that
    /// the layer lets in at once is seen at once.
    async fn gather(&self) {
        let mut open = std::pin::pin!(self.open.notified());
        // Listening starts before the look, so that the last arrival in between is not missed.
        open.as_mut().enable();
        self.account();
        if self.accounted.load(SeqCst) < self.crowd {
            // Those who queue in the layer do not come before somebody leaves: go on without.
            let _ = tokio::time::timeout(CROWD_PATIENCE, open).await;
        }
    }
}

/// One request in the handler, from its arrival to the end of its response body.
struct Presence(Arc<Counts>);

impl Presence {
    fn new(counts: Arc<Counts>) -> Self {
        counts.hits.fetch_add(1, Relaxed);
        let present = counts.present.fetch_add(1, Relaxed) + 1;
        counts.peak.fetch_max(present, Relaxed);
        Self(counts)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.present.fetch_sub(1, Relaxed);
    }
}

/// Leaves the handler with its last frame, before any layer outside can see that it was the last.
struct MeteredBody {
    body: Body,
    presence: Option<Presence>,
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.presence = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for MeteredBody {
    fn drop(&mut self) {
        // Before the body goes, for the same reason.
        self.presence = None;
    }
}
