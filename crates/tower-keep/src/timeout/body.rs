use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tokio::time::Sleep;

use super::{arrival::Allowance, shared::Shared, state::BodyClock, timer::poll_due};
use crate::{
    common::{clock, until},
    protocol::{End, Guard},
    rejection::Rejection,
};

/// Watches over the time that the body of a response takes.
///
/// It makes its timer when the body first has nothing to give.
#[pin_project]
pub struct BodyTimer {
    clock: BodyClock,
    #[pin]
    timer: Option<Sleep>,
    shared: Arc<Shared>,
}

impl BodyTimer {
    #[inline]
    pub(super) fn new(allowance: Allowance, shared: Arc<Shared>) -> Self {
        let Allowance { started, body, .. } = allowance;
        Self {
            clock: BodyClock::new(started, body, shared.body_idle()),
            timer: None,
            shared,
        }
    }
}

impl Guard for BodyTimer {
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    fn on_frame(self: Pin<&mut Self>) {
        self.project().clock.on_frame();
    }

    fn poll_cut(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rejection> {
        let this = self.project();
        let Some((due, kind)) = this.clock.due(clock::now) else {
            return Poll::Pending;
        };
        ready!(poll_due(this.timer, due, cx));
        Poll::Ready(this.shared.refuse(kind))
    }

    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        until::within(&mut self.project().clock.until, poll)
    }
}

impl fmt::Debug for BodyTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyTimer")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
