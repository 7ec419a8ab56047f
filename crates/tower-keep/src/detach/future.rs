use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project::{pin_project, pinned_drop};
use tokio::runtime::Handle;

use super::shared::Live;
use crate::context;

/// The answer of a [`Detach`](super::Detach).
///
/// Dropping it before it has answered lets the call go on in a task of its own, if it is one that is
/// meant to and there is a place; outside a tokio runtime it is dropped.
#[pin_project(PinnedDrop)]
pub struct ResponseFuture<F>
where
    F: Future + Send + 'static,
{
    #[pin]
    call: Call<F>,
}

#[pin_project(project = Projected)]
enum Call<F> {
    /// Goes with its caller.
    Tied(#[pin] F),
    /// May go on. In a box, because what has been polled cannot move to another task otherwise.
    Free(Option<(Pin<Box<F>>, Arc<Live>)>),
}

impl<F: Future + Send + 'static> ResponseFuture<F> {
    pub(super) fn tied(call: F) -> Self {
        Self {
            call: Call::Tied(call),
        }
    }

    pub(super) fn free(call: F, live: Arc<Live>) -> Self {
        Self {
            call: Call::Free(Some((Box::pin(call), live))),
        }
    }
}

impl<F: Future + Send + 'static> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().call.project() {
            Projected::Tied(call) => call.poll(cx),
            Projected::Free(free) => {
                // Taken for the time of the poll: a call that panics does not go on.
                let (mut call, live) = free.take().expect("polled after completion");
                let polled = call.as_mut().poll(cx);
                if polled.is_pending() {
                    *free = Some((call, live));
                }
                polled
            }
        }
    }
}

#[pinned_drop]
impl<F: Future + Send + 'static> PinnedDrop for ResponseFuture<F> {
    fn drop(self: Pin<&mut Self>) {
        let Projected::Free(free) = self.project().call.project() else {
            return;
        };
        if let Some((call, live)) = free.take()
            && let Ok(runtime) = Handle::try_current()
            && let Some(place) = live.place()
        {
            runtime.spawn(context::carry(async move {
                drop(call.await);
                drop(place);
            }));
        }
    }
}

impl<F: Future + Send + 'static> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
