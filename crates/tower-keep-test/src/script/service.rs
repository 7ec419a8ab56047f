//! The scripted service and its future.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        // Plain tallies, read by the test between steps; they order nothing else.
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};
use tower_service::Service;

use super::handle::{Answer, Handle};

/// The service end of a script: always ready; every call waits for its [`Answer`].
pub struct Script<Req, Res, Err> {
    calls: mpsc::UnboundedSender<(Req, Answer<Res, Err>)>,
    tallies: Arc<Tallies>,
}

pub(super) fn pair<Req, Res, Err>() -> (Script<Req, Res, Err>, Handle<Req, Res, Err>) {
    let (send, receive) = mpsc::unbounded_channel();
    let tallies = Arc::new(Tallies::default());
    let service = Script {
        calls: send,
        tallies: Arc::clone(&tallies),
    };
    (service, Handle::new(receive, tallies))
}

impl<Req, Res, Err> Clone for Script<Req, Res, Err> {
    fn clone(&self) -> Self {
        Self {
            calls: self.calls.clone(),
            tallies: Arc::clone(&self.tallies),
        }
    }
}

impl<Req, Res, Err> Service<Req> for Script<Req, Res, Err> {
    type Response = Res;
    type Error = Err;
    type Future = ResponseFuture<Res, Err>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Err>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let (answer, outcome) = oneshot::channel();
        self.tallies.started.fetch_add(1, Relaxed);
        // Without a handle nobody will ever answer, which is what a dropped `Answer` means too.
        let _ = self.calls.send((req, Answer::new(answer)));
        ResponseFuture {
            outcome: Some(outcome),
            answered: false,
            tallies: Arc::clone(&self.tallies),
        }
    }
}

impl<Req, Res, Err> fmt::Debug for Script<Req, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("tallies", &self.tallies)
            .finish_non_exhaustive()
    }
}

/// The future of a [`Script`]: pending until the test answers.
#[derive(Debug)]
pub struct ResponseFuture<Res, Err> {
    outcome: Option<oneshot::Receiver<Result<Res, Err>>>,
    answered: bool,
    tallies: Arc<Tallies>,
}

impl<Res, Err> Future for ResponseFuture<Res, Err> {
    type Output = Result<Res, Err>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(outcome) = &mut self.outcome else {
            return Poll::Pending;
        };
        match Pin::new(outcome).poll(cx) {
            Poll::Ready(Ok(outcome)) => {
                self.answered = true;
                self.outcome = None;
                self.tallies.answered.fetch_add(1, Relaxed);
                Poll::Ready(outcome)
            }
            Poll::Ready(Err(_)) => {
                self.outcome = None;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<Res, Err> Drop for ResponseFuture<Res, Err> {
    fn drop(&mut self) {
        if !self.answered {
            self.tallies.dropped.fetch_add(1, Relaxed);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Tallies {
    started: AtomicUsize,
    answered: AtomicUsize,
    dropped: AtomicUsize,
}

impl Tallies {
    pub(super) fn started(&self) -> usize {
        self.started.load(Relaxed)
    }

    pub(super) fn dropped(&self) -> usize {
        self.dropped.load(Relaxed)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.started() - self.dropped() - self.answered.load(Relaxed)
    }
}
