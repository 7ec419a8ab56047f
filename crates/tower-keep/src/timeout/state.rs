//! The two times that run over the body of a response, as a machine without a timer.

use std::time::Duration;

use crate::{
    common::until::Until,
    rejection::{Kind, Phase},
};

/// Knows when a body has to be cut off. All moments are the clock's nanoseconds.
#[derive(Debug)]
pub(super) struct BodyClock {
    /// When the call arrived, 0 until somebody asks.
    pub(super) started: u64,
    /// The deadline.
    pub(super) until: Until,
    /// Whether a caller's deadline is ours to keep, and not that of a layer outside.
    keeps_callers: bool,
    /// How long each frame may take, [`FOR_EVER`] if that long.
    idle: u64,
    /// Since when the client wants a frame and has none; 0 if it has all that it wanted.
    waiting_since: u64,
    /// Whether there was a frame before.
    goes_on: bool,
}

impl BodyClock {
    pub(super) fn new(started: u64, until: Until, idle: u64) -> Self {
        Self {
            started,
            until,
            keeps_callers: until.is_callers(),
            idle,
            waiting_since: 0,
            goes_on: false,
        }
    }

    /// A frame came. Costs no look at the clock: the next wait starts when the client next waits.
    pub(super) fn on_frame(&mut self) {
        self.waiting_since = 0;
        self.goes_on = true;
    }

    /// Whether there was a frame before: an answer of one frame costs no look at the clock.
    pub(super) const fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// What became of the deadline while the client read. A frame at the very moment is in time.
    pub(super) fn read_too_slowly(&mut self, now: u64) -> Option<Kind> {
        self.until = self.until.fix(|| now);
        let is_ours = self.keeps_callers || !self.until.is_callers();
        let end = self.until.nanos().filter(|end| is_ours && *end < now)?;
        Some(exceeded(Phase::Body, since(&mut self.started, || now), end))
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
    pub(super) fn due(&mut self, now: impl Fn() -> u64) -> Option<(u64, Kind)> {
        let idle = (self.idle != FOR_EVER).then(|| {
            let at = since(&mut self.waiting_since, &now).saturating_add(self.idle);
            let kind = Kind::DeadlineExceeded {
                phase: Phase::BodyIdle,
                after: Duration::from_nanos(self.idle),
            };
            (at, kind)
        });
        self.until = self.until.fix(&now);
        let is_ours = self.keeps_callers || !self.until.is_callers();
        let Some(end) = self.until.nanos().filter(|_| is_ours) else {
            return idle;
        };
        match idle {
            Some((at, kind)) if at < end => Some((at, kind)),
            _ => {
                let started = since(&mut self.started, now);
                Some((end, exceeded(Phase::Body, started, end)))
            }
        }
    }
}

/// A frame may take as long as it likes.
pub(super) const FOR_EVER: u64 = u64::MAX;

/// Since when something is; since what is read now, if that is not known yet.
pub(super) fn since(at: &mut u64, read: impl FnOnce() -> u64) -> u64 {
    if *at == 0 {
        *at = read();
    }
    *at
}

/// A deadline that was passed, with the time there was until then.
///
/// In whole milliseconds, as timers are: a microsecond lost on the way is of no interest.
pub(super) fn exceeded(phase: Phase, started: u64, end: u64) -> Kind {
    let millis = (end.saturating_sub(started) + 500_000) / 1_000_000;
    Kind::DeadlineExceeded {
        phase,
        after: Duration::from_millis(millis),
    }
}
