use std::{fmt, pin::Pin, sync::Arc, thread, time::Duration};

use super::core::{Core, Ticket};
use crate::{
    classify::{AtEnd, Judgment, Verdict},
    common::cancel,
    protocol::{End, Guard},
};

/// A call that a breaker let through, until its outcome is known.
///
/// From [`Breaker::try_acquire`](super::Breaker::try_acquire), to be told how it went:
///
/// ```
/// use tower_keep::circuit_breaker::Breaker;
/// # fn send() -> Result<(), std::io::Error> { Ok(()) }
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let breaker = Breaker::default();
/// let permit = breaker.try_acquire()?;
/// match send() {
///     Ok(()) => permit.success(),
///     Err(_) => permit.failure(),
/// }
/// # Ok(())
/// # }
/// ```
///
/// In a [service](super::CircuitBreaker) it stays with the response until the end of its body.
///
/// Dropped without a word, the call was given up: that counts as a failure if a panic or a deadline
/// of this crate did it, or if it had run for
/// [`slow_call`](super::CircuitBreakerConfig::slow_call) without an answer, and not at all
/// otherwise. A probe's place is free again in any case.
#[must_use = "a permit that is dropped is a call that was given up"]
pub struct Permit {
    core: Arc<Core>,
    ticket: Ticket,
    stage: Stage,
    /// Whether the answer began late.
    slow: bool,
    /// Whether a panic now is the service's.
    in_service: bool,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing is known.
    Waiting,
    /// The head is good, the end decides.
    Answered(AtEnd),
    /// All is known and counted.
    Done,
}

impl Permit {
    /// The service did its part.
    pub fn success(self) {
        self.record(Verdict::success());
    }

    /// The service failed.
    pub fn failure(self) {
        self.record(Verdict::failure());
    }

    /// Nothing can be said about the service.
    pub fn ignore(self) {
        self.record(Verdict::ignored());
    }

    /// It went as the verdict says. If that opens the breaker, it stays open for as long as
    /// [`Verdict::retry_after`] asks.
    pub fn record(mut self, verdict: Verdict) {
        let now = self.core.now();
        self.slow = self.took_long(now);
        self.finish(verdict, now);
    }
}

impl Permit {
    #[inline]
    pub(super) fn new(core: Arc<Core>, ticket: Ticket) -> Self {
        Self {
            core,
            ticket,
            stage: Stage::Waiting,
            slow: false,
            in_service: false,
        }
    }

    /// For a caller who holds it while it runs the call.
    pub(super) fn by_hand(mut self) -> Self {
        self.in_service = true;
        self
    }

    /// Runs code of the service: a panic in it is the service's failure.
    #[inline]
    pub(super) fn in_service<R>(&mut self, work: impl FnOnce() -> R) -> R {
        // Restored, not cleared: a body that panicked is dropped in here as well.
        let before = std::mem::replace(&mut self.in_service, true);
        let result = work();
        self.in_service = before;
        result
    }

    /// The head of the answer is there.
    #[inline]
    pub(super) fn answered(&mut self, judgment: Judgment) {
        let now = self.core.now();
        self.slow = self.took_long(now);
        match judgment {
            Judgment::Final(verdict) => self.finish(verdict, now),
            Judgment::AtEnd(at_end) => {
                self.stage = Stage::Answered(at_end);
                if !self.slow {
                    self.core.probe_answered(&self.ticket);
                }
            }
        }
    }

    #[inline]
    fn finish(&mut self, verdict: Verdict, now: Duration) {
        self.stage = Stage::Done;
        self.core.finish(&self.ticket, verdict, self.slow, now);
    }

    #[inline]
    fn took_long(&self, now: Duration) -> bool {
        self.ticket
            .started
            .is_some_and(|started| self.core.is_slow(now.saturating_sub(started)))
    }

    /// The call was given up; says what that means.
    #[cold]
    fn given_up(&mut self) {
        let now = self.core.now();
        let panicked = self.in_service && thread::panicking();
        let failed = panicked || cancel::reason() == cancel::Reason::Deadline;
        let verdict = match self.stage {
            Stage::Done => return,
            Stage::Waiting => {
                self.slow = self.took_long(now);
                if failed || self.slow {
                    Verdict::failure()
                } else {
                    Verdict::ignored()
                }
            }
            Stage::Answered(_) if failed => Verdict::failure(),
            Stage::Answered(at_end) => at_end.abandoned(),
        };
        self.finish(verdict, now);
    }
}

impl Guard for Permit {
    fn end(self: Pin<&mut Self>, end: End<'_>) {
        let this = self.get_mut();
        if let Stage::Answered(at_end) = this.stage {
            let now = this.core.now();
            this.finish(at_end.ended(end), now);
        }
    }

    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        self.get_mut().in_service(poll)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Done) {
            self.given_up();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("probe", &self.ticket.probe.is_some())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
