use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use super::{Failures, core::Core, partition::Tag};
use crate::{
    classify::{AtEnd, Class, Judgment},
    common::{cancel, clock},
    observe::EventKind,
    protocol::{End, Guard},
};

/// A place under an adaptive limit; dropping it gives the place back.
pub struct Permit {
    /// None for calls that are exempt.
    core: Option<Arc<Core>>,
    tag: Tag,
    /// When the call was let in; 0 if nothing is to be measured.
    began: u64,
    verdict: Verdict,
    /// Whether somebody was told of the admission, and so must be told of the end.
    is_observed: bool,
}

/// What is known of the call.
enum Verdict {
    /// Nothing.
    Open,
    /// Its head was good, and the end decides.
    Begun(AtEnd),
    /// All.
    Given,
}

impl Permit {
    #[inline]
    pub(super) fn new(core: Arc<Core>, tag: Tag) -> Self {
        let began = if core.is_on() { now() } else { 0 };
        Self {
            core: Some(core),
            tag,
            began,
            verdict: Verdict::Open,
            is_observed: false,
        }
    }

    /// Of a call that needs no place.
    pub(super) fn exempt() -> Self {
        Self {
            core: None,
            tag: None,
            began: 0,
            verdict: Verdict::Given,
            is_observed: false,
        }
    }

    /// Tells of the admission, if anybody wants to know.
    pub(super) fn announce(&mut self, waited: impl FnOnce() -> Duration) {
        let Some(core) = &self.core else { return };
        self.is_observed = core.emitter.wants_calls();
        if self.is_observed {
            core.emitter
                .emit(EventKind::CallAdmitted { waited: waited() });
        }
    }

    /// The head of the answer is there.
    #[inline]
    pub(super) fn answered(&mut self, judgment: Judgment) {
        match judgment {
            Judgment::Final(verdict) => self.give(verdict.class),
            Judgment::AtEnd(at_end) => {
                if let Some(core) = self.measured()
                    && !core.measures_to_the_end()
                {
                    core.answered(self.began, now());
                }
                self.verdict = Verdict::Begun(at_end);
            }
        }
    }

    /// All is known before the body, or there is none.
    #[inline]
    fn give(&mut self, class: Class) {
        self.verdict = Verdict::Given;
        if self.began == 0 && !self.is_observed {
            return;
        }
        let now = now();
        if let Some(core) = self.measured() {
            match class {
                Class::Success => core.answered(self.began, now),
                bad => self.failed(core, bad, now),
            }
        }
        self.tell_finished(class, now);
    }

    /// The end of a body whose head was good. What was measured at the head is not measured again.
    #[inline]
    fn give_at_end(&mut self, class: Class) {
        self.verdict = Verdict::Given;
        let measures = |core: &Core| class != Class::Success || core.measures_to_the_end();
        let measured = self.measured().filter(|core| measures(core));
        if measured.is_none() && !self.is_observed {
            return;
        }
        let now = now();
        match (measured, class) {
            (Some(core), Class::Success) => core.answered(self.began, now),
            (Some(core), bad) => self.failed(core, bad, now),
            (None, _) => {}
        }
        self.tell_finished(class, now);
    }

    #[cold]
    fn failed(&self, core: &Core, class: Class, now: u64) {
        let took = now.saturating_sub(self.began);
        // Before anything is known, nothing answers in time.
        let is_slow = || core.meter.baseline().is_none_or(|base| took / 2 >= base);
        let counts = match class {
            Class::Overload => true,
            Class::Failure => {
                core.counts_failure(Failures::Drop)
                    || core.counts_failure(Failures::Slow) && is_slow()
            }
            Class::Ignored | Class::Success => false,
        };
        if counts {
            core.dropped(self.began, now);
        }
    }

    /// The call was given up; says what that means.
    #[cold]
    fn given_up(&mut self) {
        let is_ours = cancel::reason() == cancel::Reason::Deadline;
        let now = now();
        let class = match self.verdict {
            Verdict::Given => return,
            _ if is_ours => Class::Failure,
            Verdict::Open => Class::Ignored,
            Verdict::Begun(at_end) => at_end.abandoned().class,
        };
        if let Some(core) = self.measured() {
            let is_open = matches!(self.verdict, Verdict::Open) || core.measures_to_the_end();
            let base = core.meter.baseline();
            if is_ours {
                core.dropped(self.began, now);
            } else if is_open && base.is_some_and(|base| now.saturating_sub(self.began) > base) {
                // Its latency would have been longer still. Without it, a service too slow for its
                // callers would look as quick as the few calls they wait for.
                core.answered(self.began, now);
            }
        }
        self.tell_finished(class, now);
    }

    fn tell_finished(&self, class: Class, now: u64) {
        if let (true, Some(core)) = (self.is_observed, &self.core) {
            let elapsed = match self.began {
                0 => Duration::ZERO,
                began => Duration::from_nanos(now.saturating_sub(began)),
            };
            core.emitter
                .emit(EventKind::CallFinished { class, elapsed });
        }
    }

    /// The limit, if this call says anything about it.
    #[inline]
    fn measured(&self) -> Option<&Core> {
        self.core.as_deref().filter(|_| self.began != 0)
    }
}

#[inline]
fn now() -> u64 {
    clock::nanos_now()
}

impl Guard for Permit {
    fn end(mut self: Pin<&mut Self>, end: End<'_>) {
        if let Verdict::Begun(at_end) = self.verdict {
            self.give_at_end(at_end.ended(end).class);
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.verdict, Verdict::Given) {
            self.given_up();
        }
        if let Some(core) = &self.core {
            core.leave(self.tag);
            if self.is_observed {
                core.emitter.emit(EventKind::CallReleased);
            }
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("exempt", &self.core.is_none())
            .finish_non_exhaustive()
    }
}
