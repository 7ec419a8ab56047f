use std::{
    pin::Pin,
    task::{self, Poll},
};

use pin_project::{pin_project, pinned_drop};
use tokio::task::JoinHandle;

use super::{
    Context, Priority,
    current::{Entered, enter},
    prioritized, priority,
    priority::Prioritized,
};

/// Spawns a task that works on the same request: `tokio::spawn`, with the context.
///
/// The task keeps the correlation id, the trace, the priority and the span, so its calls and log lines can be found.
/// It does *not* keep the [deadline](super::deadline()): nobody waits for a detached task, and what is
/// spawned is mostly what should happen though the answer is already out; with the request's deadline
/// its calls would be refused as late.
///
/// Dropping the handle detaches the task.
///
/// # Panics
/// Outside a tokio runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(carry(future))
}

/// Ties `future` to the present context, wherever it is polled: for a `JoinSet`, a channel of jobs,
/// a runtime of your own.
///
/// `join!` and `select!` need nothing of the kind: they stay in the task.
pub fn carry<F>(future: F) -> Scope<F> {
    let mut scope = Scope::new(Context::current(), future);
    scope.priority = priority();
    scope
}

/// A future in a [`Context`] of its own: it is polled there and dropped there.
///
/// A poll swaps one pointer in and out; there is nothing to count or allocate.
#[pin_project(PinnedDrop)]
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct Scope<F> {
    context: Option<Context>,
    /// Taken along where there may be no context to hold it.
    priority: Option<Priority>,
    /// Gone once it has answered, or while it is being dropped.
    #[pin]
    future: Option<F>,
}

impl<F> Scope<F> {
    pub(crate) fn new(context: Option<Context>, future: F) -> Self {
        Self {
            context,
            priority: None,
            future: Some(future),
        }
    }

    /// Takes the context out, once the future has answered.
    #[cfg(feature = "correlation-id")]
    pub(crate) fn take_context(self: Pin<&mut Self>) -> Option<Context> {
        self.project().context.take()
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    /// # Panics
    /// When polled again after it was ready.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = Entered::new(this.context);
        let _prioritized = Prioritized::new(*this.priority);
        let future = this.future.as_mut().as_pin_mut();
        let polled = future.expect("polled after it was ready").poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

#[pinned_drop]
impl<F> PinnedDrop for Scope<F> {
    #[inline]
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_some() {
            let priority = *this.priority;
            enter(this.context, || {
                prioritized(priority, || this.future.set(None));
            });
        }
    }
}
