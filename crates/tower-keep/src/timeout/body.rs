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
    /// None for an answer without a body, so that it costs nothing.
    #[pin]
    watch: Option<Watch>,
}

#[pin_project]
struct Watch {
    clock: BodyClock,
    #[pin]
    timer: Option<Sleep>,
    shared: Arc<Shared>,
}

impl BodyTimer {
    /// For a body.
    pub(super) fn new(allowance: Allowance, shared: Arc<Shared>) -> Self {
        let Allowance { started, body, .. } = allowance;
        Self {
            watch: Some(Watch {
                clock: BodyClock::new(started, body, shared.body_idle()),
                timer: None,
                shared,
            }),
        }
    }

    /// For an answer that is over with its head.
    #[inline]
    pub(super) const fn none() -> Self {
        Self { watch: None }
    }
}

impl Guard for BodyTimer {
    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    fn on_frame(self: Pin<&mut Self>) {
        if let Some(watch) = self.project().watch.as_pin_mut() {
            watch.project().clock.on_frame();
        }
    }

    fn poll_cut(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rejection> {
        let Some(watch) = self.project().watch.as_pin_mut() else {
            return Poll::Pending;
        };
        let watch = watch.project();
        let Some((due, kind)) = watch.clock.due(clock::now) else {
            return Poll::Pending;
        };
        ready!(poll_due(watch.timer, due, cx));
        let by_caller = watch.clock.is_callers(&kind);
        Poll::Ready(watch.shared.refuse(kind).of_caller(by_caller))
    }

    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        match self.project().watch.as_pin_mut() {
            Some(watch) => until::within(&mut watch.project().clock.until, poll),
            None => poll(),
        }
    }
}

impl fmt::Debug for BodyTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = self.watch.as_ref().map(|watch| &watch.clock);
        f.debug_struct("BodyTimer")
            .field("clock", &clock)
            .finish_non_exhaustive()
    }
}
