use std::{fmt, mem, pin::Pin, sync::Arc, thread, time::Duration};

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
    /// Gone once all is known and counted.
    core: Option<Arc<Core>>,
    ticket: Ticket,
    /// When it first had to wait, where calls can be slow; when it was let through, where somebody
    /// wants to know how long it took.
    started: Option<Instant>,
    /// Set while the head is good and the end decides. What the head said beyond that, such as when
    /// to retry, is of no interest here.
    answered: Option<Wire>,
    /// Whether the answer began late.
    slow: bool,
    /// Whether code of the service runs. Still set when the permit is dropped, that code panicked.
    in_service: bool,
    /// Whether the caller runs the call, so that a panic while it is held is the service's.
    by_hand: bool,
    /// Whether somebody wants to be told of the end.
    is_observed: bool,
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
        self.ended(verdict.class, verdict.retry_after);
    }
}

impl Permit {
    #[inline]
    pub(super) fn new(core: Arc<Core>, ticket: Ticket) -> Self {
        Self {
            core: Some(core),
            ticket,
            started: None,
            answered: None,
            slow: false,
            in_service: false,
            by_hand: false,
            is_observed: false,
        }
    }

    /// The permit of a call that is known and counted.
    #[inline]
    fn spent() -> Self {
        Self {
            core: None,
            ticket: Ticket {
                generation: 0,
                probe: None,
            },
            started: None,
            answered: None,
            slow: false,
            in_service: false,
            by_hand: false,
            is_observed: false,
        }
    }

    /// For a call whose end somebody wants to be told of.
    pub(super) fn observed(mut self) -> Self {
        self.is_observed = true;
        self.started = Some(clock::now());
        self
    }

    /// For a caller who holds it while it runs the call.
    pub(super) fn by_hand(mut self) -> Self {
        self.by_hand = true;
        self.waits();
        self
    }

    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.core.is_none()
    }

    /// The service has to wait: from now on it can be slow. A call that is answered at once is not,
    /// and need not know when it began.
    #[inline]
    pub(super) fn waits(&mut self) {
        if self.started.is_none() && self.slow_call().is_some() {
            self.started = Some(clock::now());
        }
    }

    /// Runs code of the service: a panic in it is the service's failure.
    #[inline]
    pub(super) fn in_service<R>(&mut self, work: impl FnOnce() -> R) -> R {
        // Restored, not cleared: a body that panicked is dropped in here as well.
        let before = mem::replace(&mut self.in_service, true);
        let result = work();
        self.in_service = before;
        result
    }

    /// The head of the answer is there. Gives what has to be kept until the end of the answer, and is
    /// spent.
    #[inline]
    pub(super) fn answered(&mut self, judgment: Judgment) -> Self {
        match judgment {
            Judgment::Final(verdict)
                if verdict.class == Class::Success && self.started.is_none() && self.is_usual() =>
            {
                if let Some(core) = self.core.take() {
                    core.finish_good(self.ticket.generation, clock::millis_coarse());
                }
            }
            Judgment::Final(verdict) => self.ended(verdict.class, verdict.retry_after),
            Judgment::AtEnd(at_end) => {
                self.begun(at_end.wire());
                return mem::replace(self, Self::spent());
            }
        }
        Self::spent()
    }

    /// Whether nothing is of interest but how it went.
    #[inline]
    fn is_usual(&self) -> bool {
        self.ticket.probe.is_none() && !self.is_observed
    }

    /// The head of the answer says it all. Takes it apart: what is passed in registers need not be
    /// written down for the usual case.
    #[inline(never)]
    fn ended(&mut self, class: Class, retry_after: Option<Duration>) {
        let now = clock::now();
        self.slow = self.took_long(now);
        if class == Class::Success && !self.slow && self.is_usual() {
            if let Some(core) = self.core.take() {
                core.finish_good(self.ticket.generation, clock::millis(now));
            }
            return;
        }
        let verdict = Verdict {
            class,
            retry_after,
            ..Verdict::ignored()
        };
        self.finish(verdict, now);
    }

    /// The head of the answer is good, and the end of its body decides.
    #[inline(never)]
    fn begun(&mut self, wire: Wire) {
        self.answered = Some(wire);
        self.slow = self.started.is_some() && self.took_long(clock::now());
        if let (false, Some(core)) = (self.slow, &self.core) {
            core.probe_answered(&self.ticket);
        }
    }

    fn finish(&mut self, verdict: Verdict, now: Instant) {
        let Some(core) = self.core.take() else { return };
        if let (true, Some(started)) = (self.is_observed, self.started) {
            core.tell_finished(verdict.class, now.saturating_duration_since(started));
        }
        core.finish(&self.ticket, verdict, self.slow, now);
    }

    fn took_long(&self, now: Instant) -> bool {
        // The sum costs a third of the difference.
        self.started
            .zip(self.slow_call())
            .and_then(|(started, slow)| started.checked_add(slow))
            .is_some_and(|slow_from| now >= slow_from)
    }

    /// From how long on a call is slow.
    #[inline]
    fn slow_call(&self) -> Option<Duration> {
        self.core.as_ref()?.slow_call()
    }

    /// The call was given up; says what that means.
    #[cold]
    fn given_up(&mut self) {
        let now = clock::now();
        // The panic itself may be over: whoever caught it drops the call afterwards.
        let panicked = self.in_service || (self.by_hand && thread::panicking());
        let failed = panicked || cancel::reason() == cancel::Reason::Deadline;
        let verdict = match self.answered {
            None => {
                self.slow = self.took_long(now);
                match (failed || self.slow, cancel::reason()) {
                    (false, _) => Verdict::ignored(),
                    // It was slow, and might still have been good.
                    (true, cancel::Reason::Hedged) if !panicked => Verdict::success(),
                    (true, _) => Verdict::failure(),
                }
            }
            Some(_) if failed => Verdict::failure(),
            Some(wire) => AtEnd::success(wire).abandoned(),
        };
        self.finish(verdict, now);
    }
}

impl Guard for Permit {
    #[inline]
    fn end(self: Pin<&mut Self>, end: End<'_>) {
        let this = self.get_mut();
        if let (Some(wire), false) = (this.answered, this.is_spent()) {
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
        if !self.is_spent() {
            self.given_up();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("probe", &self.ticket.probe.is_some())
            .field("answered", &self.answered.is_some())
            .field("spent", &self.is_spent())
            .finish_non_exhaustive()
    }
}
