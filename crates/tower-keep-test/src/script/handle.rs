//! The test's end of a script.

use std::{fmt, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::service::Tallies;
use crate::common::PATIENCE;

/// Receives the calls of a [`Script`](super::Script) in the order in which they started.
pub struct Handle<Req, Res, Err> {
    calls: mpsc::UnboundedReceiver<(Req, Answer<Res, Err>)>,
    tallies: Arc<Tallies>,
}

impl<Req, Res, Err> Handle<Req, Res, Err> {
    pub(super) fn new(
        calls: mpsc::UnboundedReceiver<(Req, Answer<Res, Err>)>,
        tallies: Arc<Tallies>,
    ) -> Self {
        Self { calls, tallies }
    }

    /// Waits for the next call. Dropping this future loses no call.
    ///
    /// # Panics
    ///
    /// If none starts within an hour of tokio time (at once when time is paused and all is idle),
    /// or when every clone of the service is gone.
    pub async fn next(&mut self) -> (Req, Answer<Res, Err>) {
        match tokio::time::timeout(PATIENCE, self.calls.recv()).await {
            Ok(Some(call)) => call,
            Ok(None) => panic!("script: the service is gone, there will be no further call"),
            Err(_) => panic!("script: no call for an hour"),
        }
    }

    /// The next call if it has started already.
    pub fn try_next(&mut self) -> Option<(Req, Answer<Res, Err>)> {
        self.calls.try_recv().ok()
    }

    /// How many calls were started.
    #[must_use]
    pub fn started(&self) -> usize {
        self.tallies.started()
    }

    /// How many calls were dropped before they saw an answer.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.tallies.dropped()
    }

    /// How many calls are neither answered nor dropped.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.tallies.in_flight()
    }
}

impl<Req, Res, Err> fmt::Debug for Handle<Req, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("tallies", &self.tallies)
            .finish_non_exhaustive()
    }
}

/// Ends one call. Dropped unused, it leaves the call pending for ever, as a peer that hangs does.
#[derive(Debug)]
pub struct Answer<Res, Err> {
    outcome: oneshot::Sender<Result<Res, Err>>,
}

impl<Res, Err> Answer<Res, Err> {
    pub(super) fn new(outcome: oneshot::Sender<Result<Res, Err>>) -> Self {
        Self { outcome }
    }

    /// Answers the call. Nothing happens if the caller has gone.
    pub fn send(self, response: Res) {
        let _ = self.outcome.send(Ok(response));
    }

    /// Fails the call. Nothing happens if the caller has gone.
    pub fn fail(self, error: Err) {
        let _ = self.outcome.send(Err(error));
    }

    /// Whether the caller has dropped the call.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.outcome.is_closed()
    }
}
