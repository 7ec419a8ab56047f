use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use super::{
    Kept, Lead, Share,
    board::{Go, Waiter},
    shared::Live,
};
use crate::protocol::Wire;

/// The answer of a [`Coalesce`](super::Coalesce): its own, or another call's.
///
/// Dropping it leaves those who wait, or hands the lead on to one of them.
#[pin_project]
pub struct ResponseFuture<S, Req, P, T = Kept>
where
    S: Service<Req>,
{
    #[pin]
    call: Call<S, Req, S::Future, T>,
    protocol: P,
    wire: Wire,
    live: Arc<Live>,
    has_rule: bool,
}

#[pin_project(project = Projected)]
pub(super) enum Call<S, Req, F, T> {
    Waiting {
        waiter: Waiter<T>,
        /// Until the leader has taken too long.
        #[pin]
        timer: Option<Sleep>,
        /// What it takes to call the service after all.
        call: Option<(S, Req)>,
    },
    Calling {
        // Dropped before the lead: who leads next finds the place of the last leader free.
        #[pin]
        inner: F,
        lead: Option<Lead<T>>,
    },
    Done,
}

impl<S, Req, F, T> Call<S, Req, F, T> {
    pub(super) fn alone(inner: F) -> Self {
        Self::Calling { inner, lead: None }
    }

    /// The lead is there before the service is called: it is handed on if that panics.
    pub(super) fn leading(lead: Lead<T>, call: impl FnOnce() -> F) -> Self {
        Self::Calling {
            inner: call(),
            lead: Some(lead),
        }
    }

    pub(super) fn waiting(waiter: Waiter<T>, service: S, request: Req) -> Self {
        Self::Waiting {
            waiter,
            timer: None,
            call: Some((service, request)),
        }
    }
}

impl<S, Req, P, T> ResponseFuture<S, Req, P, T>
where
    S: Service<Req>,
{
    pub(super) fn new(
        call: Call<S, Req, S::Future, T>,
        protocol: P,
        wire: Wire,
        live: Arc<Live>,
        has_rule: bool,
    ) -> Self {
        Self {
            call,
            protocol,
            wire,
            live,
            has_rule,
        }
    }
}

impl<S, Req, P, T> Future for ResponseFuture<S, Req, P, T>
where
    S: Service<Req>,
    P: Share<Req, S::Response, S::Error, Kept = T>,
{
    type Output = Result<P::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.call.as_mut().project() {
                Projected::Calling { inner, lead } => {
                    let outcome = ready!(inner.poll(cx));
                    let lead = lead.take();
                    // The place of the call inside is given back before others are told.
                    this.call.set(Call::Done);
                    return Poll::Ready(match lead {
                        None => this.protocol.lead(*this.wire, outcome, None, None, 0),
                        Some(lead) => {
                            let settings = this.live.settings();
                            let vary = (!*this.has_rule).then_some(&settings.vary[..]);
                            let max_body = settings.config.max_body;
                            this.protocol
                                .lead(*this.wire, outcome, Some(lead), vary, max_body)
                        }
                    });
                }
                Projected::Waiting {
                    waiter,
                    timer,
                    call,
                } => {
                    let lead = match ready!(poll_go(waiter, timer, cx)) {
                        Go::Answer(kept) => {
                            this.call.set(Call::Done);
                            return Poll::Ready(Ok(this.protocol.follow(*this.wire, &kept)));
                        }
                        Go::Lead(lead) => Some(lead),
                        Go::Alone => {
                            this.live.count_alone();
                            None
                        }
                    };
                    let (mut service, request) = call.take().expect("its turn comes once");
                    Call::Calling {
                        inner: service.call(request),
                        lead,
                    }
                }
                Projected::Done => panic!("polled after completion"),
            };
            this.call.set(next);
        }
    }
}

/// Waits for its turn, or until the leader has taken too long.
fn poll_go<T>(
    waiter: &mut Waiter<T>,
    mut timer: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
) -> Poll<Go<T>> {
    loop {
        if let Poll::Ready(go) = waiter.poll_turn(cx) {
            return Poll::Ready(go);
        }
        if let Some(timer) = timer.as_mut().as_pin_mut() {
            ready!(timer.poll(cx));
        }
        match waiter.overtake() {
            Ok(lead) => return Poll::Ready(Go::Lead(lead)),
            Err(due) => timer.set(due.map(sleep_until)),
        }
    }
}

impl<S: Service<Req>, Req, P, T> fmt::Debug for ResponseFuture<S, Req, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
