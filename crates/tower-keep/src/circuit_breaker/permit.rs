use std::{fmt, mem, num::NonZeroU64, pin::Pin, sync::Arc, thread, time::Duration};

use super::{core::Ticket, front::Lane};
use crate::{
    classify::{AtEnd, Class, Verdict},
    common::{cancel, clock, stripe::Stripe},
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
    /// None once all is known and counted.
    call: Option<Running>,
}

/// A call of which not all is known.
struct Running {
    lane: Arc<Stripe<Lane>>,
    ticket: Ticket,
    /// When it first had to wait, where calls can be slow; when it was let through, where somebody
    /// wants to know how long it took. In nanoseconds.
    started: Option<NonZeroU64>,
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
    /// Whether nothing is of interest but how it went: it is no probe, nobody wants to be told, and it
    /// has not had to wait.
    is_usual: bool,
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
    /// The permit of a call that is known and counted.
    pub(super) const SPENT: Self = Self { call: None };

    #[inline]
    pub(super) fn new(lane: Arc<Stripe<Lane>>, ticket: Ticket) -> Self {
        Self {
            call: Some(Running {
                lane,
                is_usual: ticket.probe.is_none(),
                ticket,
                started: None,
                answered: None,
                slow: false,
                in_service: false,
                by_hand: false,
                is_observed: false,
            }),
        }
    }

    /// For a call whose end somebody wants to be told of.
    pub(super) fn observed(mut self) -> Self {
        if let Some(call) = &mut self.call {
            call.is_observed = true;
            call.starts();
        }
        self
    }

    /// For a caller who holds it while it runs the call.
    pub(super) fn by_hand(mut self) -> Self {
        if let Some(call) = &mut self.call {
            call.by_hand = true;
        }
        self.waits();
        self
    }

    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.call.is_none()
    }

    /// The service has to wait: from now on it can be slow. A call that is answered at once is not,
    /// and need not know when it began.
    #[inline]
    pub(super) fn waits(&mut self) {
        if let Some(call) = &mut self.call
            && call.started.is_none()
            && call.slow_call().is_some()
        {
            call.starts();
        }
    }

    /// Runs code of the service: a panic in it is the service's failure.
    #[inline]
    pub(super) fn in_service<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let before = self.set_in_service(true);
        let result = work();
        self.set_in_service(before);
        result
    }

    /// Says that code of the service runs, or as before again: restored, not cleared, since a body that
    /// panicked is dropped in there as well. For code that is polled in line, which a closure would not
    /// be.
    #[inline]
    pub(super) fn set_in_service(&mut self, now: bool) -> bool {
        match &mut self.call {
            Some(call) => mem::replace(&mut call.in_service, now),
            None => false,
        }
    }

    /// The head of the answer is there, and says it all.
    // In line, or the verdict would be written down to be handed over.
    #[inline(always)]
    pub(super) fn decided(&mut self, verdict: Verdict) {
        if verdict.class == Class::Success {
            self.succeeded();
        } else {
            self.ended(verdict.class, verdict.retry_after);
        }
    }

    #[inline(always)]
    fn succeeded(&mut self) {
        match &self.call {
            Some(call) if call.is_usual => {
                // Answered at once: when that was is as good as a little before.
                let millis = clock::millis_coarse();
                call.lane.0.finish_good(call.ticket.generation, millis);
                // Not taken first: it would be moved for nothing.
                self.call = None;
            }
            _ => self.ended(Class::Success, None),
        }
    }

    /// The head of the answer is good, and the end of its body decides. Gives what has to be kept until
    /// then, and is spent.
    #[inline]
    pub(super) fn answered(&mut self, at_end: AtEnd) -> Self {
        if let Some(call) = &mut self.call {
            call.begun(at_end.wire());
        }
        mem::replace(self, Self::SPENT)
    }

    /// Takes the verdict apart: what is passed in registers need not be written down for the usual case.
    #[inline(never)]
    fn ended(&mut self, class: Class, retry_after: Option<Duration>) {
        let Some(mut call) = self.call.take() else {
            return;
        };
        let elapsed = call.elapsed();
        call.slow = call.is_long(elapsed);
        let verdict = Verdict {
            class,
            retry_after,
            ..Verdict::ignored()
        };
        call.finish(verdict, elapsed);
    }
}

impl Running {
    #[cold]
    fn starts(&mut self) {
        self.is_usual = false;
        self.started = NonZeroU64::new(clock::nanos_now());
    }

    /// The head of the answer is good, and the end of its body decides.
    #[inline(never)]
    fn begun(&mut self, wire: Wire) {
        self.answered = Some(wire);
        self.slow = self.is_long(self.elapsed());
        if !self.slow {
            self.lane.0.core.probe_answered(&self.ticket);
        }
    }

    /// So is the end of its body.
    #[inline(never)]
    fn ended(self, end: End<'_>) {
        let Some(wire) = self.answered else { return };
        let verdict = AtEnd::success(wire).ended(end);
        if self.is_usual && !self.slow && verdict.class == Class::Success {
            let generation = self.ticket.generation;
            self.lane.0.finish_good(generation, clock::millis_now());
        } else {
            let elapsed = self.elapsed();
            self.finish(verdict, elapsed);
        }
    }

    fn finish(self, verdict: Verdict, elapsed: Option<Duration>) {
        let lane = &self.lane.0;
        if let (true, Some(elapsed)) = (self.is_observed, elapsed) {
            lane.core.tell_finished(verdict.class, elapsed);
        }
        lane.finish(&self.ticket, verdict, self.slow);
    }

    /// Since it started, if that is of interest.
    fn elapsed(&self) -> Option<Duration> {
        let nanos = clock::nanos_now().saturating_sub(self.started?.get());
        Some(Duration::from_nanos(nanos))
    }

    fn is_long(&self, elapsed: Option<Duration>) -> bool {
        elapsed
            .zip(self.slow_call())
            .is_some_and(|(elapsed, slow)| elapsed >= slow)
    }

    /// From how long on a call is slow.
    #[inline]
    fn slow_call(&self) -> Option<Duration> {
        self.lane.0.core.slow_call()
    }

    /// The call was given up; says what that means.
    fn given_up(mut self) {
        let elapsed = self.elapsed();
        // The panic itself may be over: whoever caught it drops the call afterwards.
        let panicked = self.in_service || (self.by_hand && thread::panicking());
        let failed = panicked || cancel::reason() == cancel::Reason::Deadline;
        let verdict = match self.answered {
            None => {
                self.slow = self.is_long(elapsed);
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
        self.finish(verdict, elapsed);
    }
}

impl Guard for Permit {
    #[inline]
    fn end(self: Pin<&mut Self>, end: End<'_>) {
        let this = self.get_mut();
        if let Some(call) = this.call.take_if(|call| call.answered.is_some()) {
            call.ended(end);
        }
    }

    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        self.get_mut().in_service(poll)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        #[cold]
        #[inline(never)]
        fn give_up(permit: &mut Permit) {
            if let Some(call) = permit.call.take() {
                call.given_up();
            }
        }
        if !self.is_spent() {
            give_up(self);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call.as_ref();
        f.debug_struct("Permit")
            .field(
                "probe",
                &call.is_some_and(|call| call.ticket.probe.is_some()),
            )
            .field(
                "answered",
                &call.is_some_and(|call| call.answered.is_some()),
            )
            .field("spent", &self.is_spent())
            .finish_non_exhaustive()
    }
}
