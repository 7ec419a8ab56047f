//! The two times that run over the body of a response, as a machine without a timer.

use std::time::Duration;

use crate::{
    common::{clock::Instant, until::Until},
    rejection::{Kind, Phase},
};

/// Knows when a body has to be cut off.
#[derive(Debug)]
pub(super) struct BodyClock {
    /// When the call arrived.
    pub(super) started: Option<Instant>,
    /// The deadline.
    pub(super) until: Until,
    /// Whether a caller's deadline is ours to keep, and not that of a layer outside.
    keeps_callers: bool,
    /// How long each frame may take.
    pub(super) idle: Option<Duration>,
    /// Since when the client wants a frame and has none.
    waiting_since: Option<Instant>,
    /// Whether there was a frame before.
    goes_on: bool,
}

impl BodyClock {
    pub(super) fn new(started: Option<Instant>, until: Until, idle: Option<Duration>) -> Self {
        Self {
            started,
            until,
            keeps_callers: until.is_callers(),
            idle,
            waiting_since: None,
            goes_on: false,
        }
    }

    /// A frame came. Costs no look at the clock: the next wait starts when the client next waits.
    pub(super) fn on_frame(&mut self) {
        self.waiting_since = None;
        self.goes_on = true;
    }

    /// Whether there was a frame before: an answer of one frame costs no look at the clock.
    pub(super) const fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// What became of the deadline while the client read. A frame at the very moment is in time.
    pub(super) fn read_too_slowly(&mut self, now: Instant) -> Option<Kind> {
        self.until = self.until.fix(|| now);
        let is_ours = self.keeps_callers || !self.until.is_callers();
        let end = self.until.moment().filter(|end| is_ours && *end < now)?;
        let started = *self.started.get_or_insert(now);
        Some(exceeded(Phase::Body, started, end))
    }

    /// Whether what ended the body is a deadline that the caller set.
    pub(super) fn is_callers(&self, kind: &Kind) -> bool {
        let deadline = matches!(
            kind,
            Kind::DeadlineExceeded {
                phase: Phase::Body,
                ..
            }
        );
        deadline && self.until.is_callers()
    }

    /// The client waits: when will it have waited long enough, and for what?
    pub(super) fn due(&mut self, now: impl Fn() -> Instant) -> Option<(Instant, Kind)> {
        let idle = self.idle.map(|idle| {
            let at = *self.waiting_since.get_or_insert_with(&now) + idle;
            let kind = Kind::DeadlineExceeded {
                phase: Phase::BodyIdle,
                after: idle,
            };
            (at, kind)
        });
        self.until = self.until.fix(&now);
        let is_ours = self.keeps_callers || !self.until.is_callers();
        let Some(end) = self.until.moment().filter(|_| is_ours) else {
            return idle;
        };
        match idle {
            Some((at, kind)) if at < end => Some((at, kind)),
            _ => {
                let started = *self.started.get_or_insert_with(now);
                Some((end, exceeded(Phase::Body, started, end)))
            }
        }
    }
}

/// A deadline that was passed, with the time there was until then.
///
/// In whole milliseconds, as timers are: a microsecond lost on the way is of no interest.
pub(super) fn exceeded(phase: Phase, started: Instant, end: Instant) -> Kind {
    let nanos = end.saturating_duration_since(started).as_nanos();
    let millis = u64::try_from((nanos + 500_000) / 1_000_000).unwrap_or(u64::MAX);
    Kind::DeadlineExceeded {
        phase,
        after: Duration::from_millis(millis),
    }
}
