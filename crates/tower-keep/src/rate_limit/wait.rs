use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::{pin_project, pinned_drop};
use tokio::time::{Sleep, sleep_until};

use super::{
    admit::{Admission, NotYet, Receipt, Ticket},
    shared::Shared,
};
use crate::rejection::Rejection;

/// A stay in the line; dropping it before its end gives up the place and what was booked.
#[pin_project(PinnedDrop)]
pub(super) struct Wait {
    shared: Arc<Shared>,
    /// Gone once it is over.
    ticket: Option<Ticket>,
    #[pin]
    timer: Option<Sleep>,
}

impl Wait {
    pub(super) fn new(shared: Arc<Shared>, ticket: Ticket) -> Self {
        Self {
            shared,
            ticket: Some(ticket),
            timer: None,
        }
    }
}

impl Future for Wait {
    type Output = Result<Receipt, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let ticket = this.ticket.as_ref().expect("polled after completion");
            match this.shared.turn(ticket, cx) {
                Ok(receipt) => {
                    *this.ticket = None;
                    return Poll::Ready(Ok(receipt));
                }
                Err(NotYet::TooLate(after)) => {
                    let ticket = this.ticket.take().expect("looked at above");
                    this.shared.leave(&ticket);
                    return Poll::Ready(Err(this.shared.refuse(Some(after))));
                }
                Err(NotYet::Until(moment)) => {
                    match this.timer.as_mut().as_pin_mut() {
                        Some(timer) if timer.deadline() == moment => {}
                        Some(timer) => timer.reset(moment),
                        None => this.timer.set(Some(sleep_until(moment))),
                    }
                    ready!(
                        this.timer
                            .as_mut()
                            .as_pin_mut()
                            .expect("set above")
                            .poll(cx)
                    );
                }
            }
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Wait {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(ticket) = this.ticket.take() {
            this.shared.leave(&ticket);
        }
    }
}

/// The way to permits without tower: `handle.acquire(cost).await`.
///
/// Dropping it gives up the place in the line and what was booked.
#[must_use = "futures do nothing unless polled"]
#[pin_project]
pub struct Acquire {
    #[pin]
    state: State,
}

#[pin_project(project = StateProjected)]
enum State {
    Done(Option<Result<(), Rejection>>),
    Waiting(#[pin] Wait),
}

impl Acquire {
    pub(super) fn new(shared: &Arc<Shared>, cost: u64) -> Self {
        let state = match shared.arrive(cost) {
            Admission::Start(_) => State::Done(Some(Ok(()))),
            Admission::Refused(rejection) => State::Done(Some(Err(rejection))),
            Admission::Wait(ticket) => State::Waiting(Wait::new(shared.clone(), ticket)),
        };
        Self { state }
    }
}

impl Future for Acquire {
    type Output = Result<(), Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().state.project() {
            StateProjected::Done(result) => result.take().expect("polled after completion"),
            StateProjected::Waiting(wait) => ready!(wait.poll(cx)).map(drop),
        })
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").finish_non_exhaustive()
    }
}
