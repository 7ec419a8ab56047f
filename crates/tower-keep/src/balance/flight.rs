use std::{fmt, mem, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Measure, endpoint::Endpoint, outlier::Reason};
use crate::{
    classify::{AtEnd, Class, Judgment, Verdict},
    common::{
        cancel,
        clock::{self, Instant},
        tried,
    },
    protocol::{End, Guard, Wire},
};

/// A call on its way to an endpoint, until the end of its answer.
///
/// Dropped before that, the call was given up: a failure of the endpoint if a deadline of this crate
/// or a panic in the service did it, and else nothing but a latency of at least the time it took.
pub struct Flight {
    endpoint: Arc<Endpoint>,
    started: Instant,
    /// Whether it counts as load.
    is_load: bool,
    course: Course,
    /// Whether code of the service runs. Still set when it is dropped, that code panicked.
    in_service: bool,
}

#[derive(Clone, Copy)]
enum Course {
    /// No answer yet.
    Asked,
    /// The head is good, and the end decides.
    Answered(AtEnd),
    /// All is known and counted.
    Over(Class),
}

/// Whose failure it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The endpoint's: it answered.
    Theirs,
    /// Ours, or that of the way there: there was no answer.
    Ours,
}

impl Flight {
    #[inline]
    pub(super) fn begin(endpoint: &Arc<Endpoint>, now: Instant) -> Self {
        endpoint.begin();
        tried::note(endpoint.id);
        Self {
            endpoint: endpoint.clone(),
            started: now,
            is_load: true,
            course: Course::Asked,
            in_service: false,
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

    /// The head of the answer is there, or the error in its place.
    pub(super) fn answered(&mut self, wire: Wire, judgment: Judgment, is_error: bool) {
        tried::note(self.endpoint.id);
        let now = clock::now();
        let measure = self.endpoint.core.config().measure;
        if is_error || measure == Measure::Head {
            self.settle(now, judgment.so_far().class);
        }
        match judgment {
            Judgment::AtEnd(at_end) => self.course = Course::Answered(at_end),
            Judgment::Final(verdict) => {
                // An error of a plain service may be its answer; only a call that never reached it
                // is surely ours.
                let never_arrived = verdict.retry == crate::classify::Retry::Always;
                let ours = is_error && (wire != Wire::Plain || never_arrived);
                self.over(verdict, if ours { Side::Ours } else { Side::Theirs }, now);
            }
        }
    }

    /// It does not count as load any more, and took so long.
    fn settle(&mut self, now: Instant, class: Class) {
        if !mem::replace(&mut self.is_load, false) {
            return;
        }
        let endpoint = &self.endpoint;
        endpoint.settle();
        let took = now.saturating_duration_since(self.started);
        let decay = endpoint.core.config().decay;
        let failed = class != Class::Success;
        endpoint.took(took, failed, endpoint.core.millis(now), decay);
    }

    fn over(&mut self, verdict: Verdict, side: Side, now: Instant) {
        self.course = Course::Over(verdict.class);
        let (endpoint, core) = (&self.endpoint, &self.endpoint.core);
        match verdict.class {
            Class::Success => return endpoint.succeeded(),
            Class::Ignored => return,
            Class::Failure | Class::Overload => {}
        }
        let config = core.config();
        let asked = verdict.retry_after.unwrap_or(Duration::ZERO);
        endpoint.rest(asked.max(config.failure_penalty), core.millis(now));
        if verdict.class == Class::Overload {
            // It works. Taken out, it would only make the others full as well.
            return;
        }
        let outlier = &config.outlier;
        let (in_a_row, most, reason): (_, _, fn(u32) -> Reason) =
            match (side, outlier.consecutive_local_failures) {
                (Side::Ours, Some(most)) => {
                    (endpoint.failed_locally(), Some(most), Reason::LocalInARow)
                }
                _ => (
                    endpoint.failed(),
                    outlier.consecutive_failures,
                    Reason::InARow,
                ),
            };
        if config.enabled && most.is_some_and(|most| in_a_row >= most) {
            core.trip(endpoint.id, reason(in_a_row), now);
        }
    }

    /// The call was given up; says what that means.
    #[cold]
    fn given_up(&mut self) {
        tried::note(self.endpoint.id);
        let failed = self.in_service || cancel::reason() == cancel::Reason::Deadline;
        let now = clock::now();
        let verdict = match self.course {
            // Nobody wants the rest of the answer.
            Course::Over(_) => return self.settle(now, Class::Ignored),
            _ if failed => Verdict::failure(),
            Course::Asked => Verdict::ignored(),
            Course::Answered(at_end) => at_end.abandoned(),
        };
        self.settle(now, Class::Ignored);
        self.over(verdict, Side::Ours, now);
    }
}

impl Guard for Flight {
    fn on_frame(self: Pin<&mut Self>, _: &Bytes) {
        let this = self.get_mut();
        if this.is_load && this.endpoint.core.config().measure == Measure::FirstData {
            this.settle(clock::now(), Class::Success);
        }
    }

    fn end(self: Pin<&mut Self>, end: End<'_>) {
        let this = self.get_mut();
        let now = clock::now();
        match this.course {
            Course::Answered(at_end) => {
                let verdict = at_end.ended(end);
                this.settle(now, verdict.class);
                let side = match end {
                    End::Failed => Side::Ours,
                    End::Complete { .. } => Side::Theirs,
                };
                this.over(verdict, side, now);
            }
            Course::Over(class) => this.settle(now, class),
            Course::Asked => {}
        }
    }

    fn surround<R>(self: Pin<&mut Self>, poll: impl FnOnce() -> R) -> R {
        self.get_mut().in_service(poll)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.is_load || !matches!(self.course, Course::Over(_)) {
            self.given_up();
        }
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
