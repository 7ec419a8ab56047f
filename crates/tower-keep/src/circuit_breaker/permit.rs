use std::{fmt, pin::Pin, sync::Arc, thread};

use super::core::{Core, Ticket};
use crate::{
    classify::{AtEnd, Class, Judgment, Verdict},
    common::{
        cancel,
        clock::{self, Instant},
    },
    protocol::{End, Guard, Wire},
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
    /// When it first had to wait, where calls can be slow.
    waits_since: Option<Instant>,
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
    /// The head is good, the end decides. What the head said beyond that, such as when to retry,
    /// is of no interest here.
    Answered(Wire),
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
        let now = clock::now();
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
            waits_since: None,
            stage: Stage::Waiting,
            slow: false,
            in_service: false,
        }
    }

    /// For a caller who holds it while it runs the call.
    pub(super) fn by_hand(mut self) -> Self {
        self.in_service = true;
        self.waits();
        self
    }

    /// The service has to wait: from now on it can be slow. A call that is answered at once is not,
    /// and need not know when it began.
    #[inline]
    pub(super) fn waits(&mut self) {
        if self.waits_since.is_none() && self.core.slow_call().is_some() {
            self.waits_since = Some(clock::now());
        }
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
        let Ticket {
            probe, observed, ..
        } = self.ticket;
        match judgment {
            // The usual case: nothing about it is of interest but that it went well.
            Judgment::Final(verdict)
                if verdict.class == Class::Success
                    && probe.is_none()
                    && observed.is_none()
                    && self.waits_since.is_none() =>
            {
                self.stage = Stage::Done;
                self.core.finish_good(self.ticket.generation);
            }
            Judgment::Final(verdict) => self.record_head(Some(verdict)),
            Judgment::AtEnd(at_end) => {
                self.stage = Stage::Answered(at_end.wire());
                self.record_head(None);
            }
        }
    }

    /// The head of the answer is there, and either says it all or is good so far.
    #[inline(never)]
    fn record_head(&mut self, verdict: Option<Verdict>) {
        let now = clock::now();
        self.slow = self.took_long(now);
        match verdict {
            Some(verdict) => self.finish(verdict, now),
            None if !self.slow => self.core.probe_answered(&self.ticket),
            None => {}
        }
    }

    fn finish(&mut self, verdict: Verdict, now: Instant) {
        self.stage = Stage::Done;
        self.core.finish(&self.ticket, verdict, self.slow, now);
    }

    fn took_long(&self, now: Instant) -> bool {
        let slow_call = self.core.slow_call();
        self.waits_since
            .zip(slow_call)
            .is_some_and(|(since, slow)| now.saturating_duration_since(since) >= slow)
    }

    /// The call was given up; says what that means.
    #[cold]
    fn given_up(&mut self) {
        let now = clock::now();
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
            Stage::Answered(wire) => AtEnd::success(wire).abandoned(),
        };
        self.finish(verdict, now);
    }
}

impl Guard for Permit {
    #[inline]
    fn end(self: Pin<&mut Self>, end: End<'_>) {
        let this = self.get_mut();
        if let Stage::Answered(wire) = this.stage {
            this.finish(AtEnd::success(wire).ended(end), clock::now());
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
