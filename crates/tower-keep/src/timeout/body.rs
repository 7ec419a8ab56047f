use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use pin_project::pin_project;

use super::{
    arrival::Allowance,
    shared::{Acting, Shared},
    state::BodyClock,
    timer::poll_due,
};
use crate::{
    common::{clock, timer::Timer, until},
    protocol::{End, Guard, PolledFrame},
    rejection::Rejection,
};

/// Watches over the time that the body of a response takes.
///
/// It makes its timer, with one allocation, when the body first has nothing to give.
#[pin_project]
pub struct BodyTimer {
    /// None for an answer without a body, so that it costs nothing; and once nothing is to be done.
    #[pin]
    watch: Option<Watch>,
}

#[pin_project]
struct Watch {
    clock: BodyClock,
    /// In a box, since it is larger than all the rest, and few bodies have to be waited for.
    timer: Option<Pin<Box<Waiting>>>,
    shared: Arc<Shared>,
    acting: Acting,
}

#[pin_project]
#[derive(Default)]
struct Waiting {
    #[pin]
    timer: Option<Timer>,
}

impl BodyTimer {
    /// For a body.
    pub(super) fn new(allowance: Allowance, shared: Arc<Shared>) -> Self {
        let Allowance {
            started,
            body,
            acting,
            ..
        } = allowance;
        if acting == Acting::Not {
            return Self::none();
        }
        Self {
            watch: Some(Watch {
                clock: BodyClock::new(started, body, shared.body_idle()),
                timer: None,
                shared,
                acting,
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
    const MINDS_END: bool = false;
    const INTERCEPTS: bool = true;

    #[inline]
    fn is_idle(&self) -> bool {
        self.watch.is_none()
    }

    #[inline]
    fn end(self: Pin<&mut Self>, _: End<'_>) {}

    #[inline]
    fn on_frame(self: Pin<&mut Self>, _: &Bytes) {
        if let Some(watch) = self.project().watch.as_pin_mut() {
            watch.project().clock.on_frame();
        }
    }

    fn poll_cut(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Rejection> {
        let mut this = self.project();
        let Some(watch) = this.watch.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let watch = watch.project();
        let Some((due, kind)) = watch.clock.due(clock::nanos_now) else {
            return Poll::Pending;
        };
        let waiting = watch.timer.get_or_insert_default();
        ready!(poll_due(waiting.as_mut().project().timer, due, cx));
        if *watch.acting == Acting::InWords {
            watch.shared.would_refuse(kind);
            this.watch.set(None);
            return Poll::Pending;
        }
        let by_caller = watch.clock.is_callers(&kind);
        Poll::Ready(watch.shared.refuse(kind).of_caller(by_caller))
    }

    /// A frame that is there goes on, but not for ever: whoever reads slowly has a deadline as well.
    fn intercept(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> PolledFrame,
    ) -> PolledFrame {
        let polled = self.as_mut().surround(|| poll(cx));
        if !matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_data()) {
            return polled;
        }
        let mut this = self.project();
        let Some(watch) = this.watch.as_mut().as_pin_mut() else {
            return polled;
        };
        let watch = watch.project();
        if !watch.clock.goes_on() {
            return polled;
        }
        let Some(kind) = watch.clock.read_too_slowly(clock::nanos_now()) else {
            return polled;
        };
        if *watch.acting == Acting::InWords {
            watch.shared.would_refuse(kind);
            this.watch.set(None);
            return polled;
        }
        let by_caller = watch.clock.is_callers(&kind);
        let refusal = watch.shared.refuse(kind).of_caller(by_caller);
        Poll::Ready(Some(Err(refusal.into())))
    }

    #[inline]
    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        match self.project().watch.as_pin_mut() {
            Some(watch) if watch.acting == Acting::Fully => {
                until::within(&mut watch.project().clock.until, poll)
            }
            _ => poll(),
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
