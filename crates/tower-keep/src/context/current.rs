//! Which request the running task works on.

use std::{cell::RefCell, fmt, mem, sync::Arc};

use http::HeaderValue;

use super::{CorrelationId, Priority, Scope, TraceParent, priority, replace_priority};
use crate::{
    common::{local::thread_local, unique},
    observe::Span,
};

/// What identifies a request: its correlation id, its place in a trace, its priority and its `tracing`
/// span.
///
/// The [correlation id layer](crate::correlation_id) makes one for each request and leaves it in the
/// request's extensions and around its handler. Where work does not come in over HTTP, make one:
///
/// ```
/// use tower_keep::context::{self, Context, CorrelationId};
///
/// # async fn ship() {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A message from a queue brings the id of the request that sent it.
/// let id = CorrelationId::parse("order-17")?;
/// Context::new(id.clone())
///     .scope(async {
///         // Calls, events and log lines in here carry the id.
///         assert_eq!(context::correlation_id(), Some(id));
///         ship().await;
///     })
///     .await;
/// # Ok(())
/// # }
/// ```
///
/// With the feature `tracing` it opens a span `request` of target `tower_keep` and level `INFO`, with
/// the fields `correlation_id` and `trace_id`; whatever is logged in its scope is logged in that span.
///
/// Cheap to clone. A request's span closes when the last clone is gone.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
    /// Beside what is shared: a clone may matter more or less.
    priority: Option<Priority>,
}

/// Small, since it is made for every request: what few requests have is apart.
struct Inner {
    id: CorrelationId,
    trace: Option<TraceParent>,
    trace_state: Option<Box<HeaderValue>>,
    span: Span,
    inbound_attempt: u32,
}

impl Context {
    /// Work with this id, and in no trace.
    #[must_use]
    pub fn new(id: CorrelationId) -> Self {
        Self::build(id, None, None, 1)
    }

    /// Work with this id, as a part of this trace.
    #[must_use]
    pub fn traced(id: CorrelationId, trace: TraceParent) -> Self {
        Self::build(id, Some(trace), None, 1)
    }

    /// Work that nobody asked for, such as a timer's: a new id, and a new trace of the same id.
    #[must_use]
    pub fn fresh() -> Self {
        let uuid = unique::uuid();
        Self::traced(CorrelationId::from_uuid(uuid), TraceParent::from_uuid(uuid))
    }

    /// The same, and it matters this much.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// `trace_state` is what vendors of tracing systems pass along with `trace`; it is sent on as it
    /// came.
    pub(crate) fn build(
        id: CorrelationId,
        trace: Option<TraceParent>,
        trace_state: Option<HeaderValue>,
        inbound_attempt: u32,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                span: Span::open(&id, trace),
                id,
                trace,
                trace_state: trace_state.map(Box::new),
                inbound_attempt,
            }),
            priority: None,
        }
    }

    /// The context that the running task works in, if there is one.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::with_current(|current| {
            current.map(|context| Self {
                priority: priority(),
                ..context.clone()
            })
        })
    }

    pub(super) fn with_current<R>(look: impl FnOnce(Option<&Self>) -> R) -> R {
        let mut look = Some(look);
        let mut look = |current: Option<&Self>| look.take().map(|look| look(current));
        // A thread that is being torn down works on no request.
        CURRENT
            .try_with(|current| look(current.borrow().as_ref()))
            .unwrap_or_else(|_| look(None))
            .expect("looked once")
    }

    /// The correlation id.
    #[must_use]
    pub fn correlation_id(&self) -> &CorrelationId {
        &self.inner.id
    }

    /// The place in a trace, unless there is none.
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.inner.trace
    }

    /// The `tracestate` that came with [`trace_parent`](Self::trace_parent).
    #[must_use]
    pub fn trace_state(&self) -> Option<&HeaderValue> {
        self.inner.trace_state.as_deref()
    }

    /// How much it matters, if anybody said so.
    #[must_use]
    pub fn priority(&self) -> Option<Priority> {
        self.priority
    }

    /// Which attempt of its caller's the request is; see [`inbound_attempt`](super::inbound_attempt).
    #[must_use]
    pub fn inbound_attempt(&self) -> u32 {
        self.inner.inbound_attempt
    }

    /// Runs `future` in this context, and drops it there.
    pub fn scope<F>(self, future: F) -> Scope<F> {
        Scope::new(Some(self), future)
    }

    /// Runs `work` in this context.
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        enter(&mut Some(self), work)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("correlation_id", &self.inner.id)
            .field("trace_parent", &self.inner.trace)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Runs `work` in the context in `slot`, or in none if there is none.
#[inline]
pub(crate) fn enter<R>(slot: &mut Option<Context>, work: impl FnOnce() -> R) -> R {
    let _entered = Entered::new(slot);
    work()
}

/// While it lives, the thread works in the context in its slot, or in none if there is none. For work
/// that takes something long along: a closure would have to be given it, which is to copy it.
///
/// The context moves into the thread's place and back, so nothing is counted or allocated; whatever
/// was in the place waits in the slot. A panic restores both.
#[must_use = "it is left when this is dropped"]
pub(crate) struct Entered<'a> {
    slot: &'a mut Option<Context>,
    outer: Option<Priority>,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(crate) fn new(slot: &'a mut Option<Context>) -> Self {
        if let Some(context) = slot {
            context.inner.span.enter();
        }
        let outer = replace_priority(slot.as_ref().and_then(Context::priority));
        swap(slot);
        Self { slot, outer }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        replace_priority(self.outer);
        swap(self.slot);
        if let Some(context) = &self.slot {
            context.inner.span.exit();
        }
    }
}

#[inline]
fn swap(slot: &mut Option<Context>) {
    // A thread that is being torn down has no place any more, and nobody who looks.
    let _ = CURRENT.try_with(|current| mem::swap(&mut *current.borrow_mut(), slot));
}
