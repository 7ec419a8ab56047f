//! A timer that costs a future nothing while it has none.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
};

use pin_project::pin_project;
use tokio::{
    task::unconstrained,
    time::{Sleep, sleep_until},
};

use super::{clock::Instant, rare::Rare};

/// A timer that runs, for a future that mostly needs none.
#[pin_project]
#[derive(Debug)]
pub(crate) struct Timer(#[pin] Rare<Sleep>);

impl Timer {
    /// One for this moment. It must be in a tokio runtime with time enabled.
    pub(crate) fn at(moment: Instant) -> Self {
        Self(Rare::new(sleep_until(moment)))
    }

    fn sleep(self: Pin<&mut Self>) -> Pin<&mut Sleep> {
        self.project().0.get()
    }

    /// When it is due.
    pub(crate) fn deadline(self: Pin<&mut Self>) -> Instant {
        self.sleep().deadline()
    }

    /// Sets it anew.
    pub(crate) fn reset(self: Pin<&mut Self>, moment: Instant) {
        self.sleep().reset(moment);
    }

    /// Whether it is due, however much of its budget the task has used up: work that uses up all of it
    /// in every poll must not silence its own timer.
    pub(crate) fn poll_always(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        pin!(unconstrained(self.sleep())).poll(cx)
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep().poll(cx)
    }
}
