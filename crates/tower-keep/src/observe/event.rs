use std::{fmt, time::Duration};

use crate::{
    classify::Class,
    common::{clock::Instant, name::Name},
    context::CorrelationId,
    rejection::Kind,
};

/// Something that happened in a layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The layer: its module's name, such as `circuit_breaker`.
    pub layer: &'static str,
    pub(super) name: Name,
    /// When, in tokio time.
    pub at: Instant,
    /// The correlation id of the request it happened to, where the
    /// [correlation id layer](crate::context) is outside.
    pub correlation_id: Option<CorrelationId>,
    /// What.
    pub kind: EventKind,
}

impl Event {
    /// The name given to the layer, empty if none was given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

/// What happened. Past tense: it cannot be changed any more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A retry will be made after a wait.
    AttemptScheduled {
        /// Which attempt it will be; the first call is 1.
        attempt: u32,
        /// After how long.
        after: Duration,
    },
    /// A call was let in. For each call, so only made if somebody wants it.
    CallAdmitted {
        /// How long it waited in the queue.
        waited: Duration,
    },
    /// A call was let in and is over. For each call, so only made if somebody wants it.
    CallFinished {
        /// How it went.
        class: Class,
        /// From the admission to the end of the answer.
        elapsed: Duration,
    },
    /// A call gave its place back. For each call, so only made if somebody wants it.
    CallReleased,
    /// A call was turned away.
    CallRejected {
        /// Why.
        kind: Kind,
    },
    /// A call would have been turned away, had the layer been told to act.
    CallWouldBeRejected {
        /// Why.
        kind: Kind,
    },
    /// A health check changed its mind.
    CheckChanged {
        /// The check.
        check: String,
        /// Whether it passes now.
        passing: bool,
        /// What it said.
        output: String,
    },
    /// A layer was given a new configuration while running.
    ConfigUpdated,
    /// A fallback answered in place of the service.
    FallbackAnswered,
    /// A retry was wanted and not made.
    RetrySkipped {
        /// Why not.
        reason: &'static str,
    },
    /// A layer moved from one state to another.
    StateChanged {
        /// The state it left.
        from: &'static str,
        /// The state it is in.
        to: &'static str,
        /// The number of the state it is in, for a gauge: 0 is the normal one.
        level: u8,
        /// Whether somebody should look at it: a warning in the log.
        alarming: bool,
        /// Why.
        reason: String,
    },
}

impl EventKind {
    /// Whether it is made for each admitted call.
    #[must_use]
    pub fn is_per_call(&self) -> bool {
        matches!(
            self,
            Self::CallAdmitted { .. } | Self::CallFinished { .. } | Self::CallReleased
        )
    }

    /// The event as one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::AttemptScheduled { .. } => "attempt_scheduled",
            Self::CallAdmitted { .. } => "call_admitted",
            Self::CallFinished { .. } => "call_finished",
            Self::CallReleased => "call_released",
            Self::CallRejected { .. } => "call_rejected",
            Self::CallWouldBeRejected { .. } => "call_would_be_rejected",
            Self::CheckChanged { .. } => "check_changed",
            Self::ConfigUpdated => "config_updated",
            Self::FallbackAnswered => "fallback_answered",
            Self::RetrySkipped { .. } => "retry_skipped",
            Self::StateChanged { .. } => "state_changed",
        }
    }
}

impl fmt::Display for Event {
    /// One line for a person: `circuit_breaker payments: closed -> open (5 failures in a row)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.layer)?;
        if !self.name().is_empty() {
            write!(f, " {}", self.name())?;
        }
        f.write_str(": ")?;
        match &self.kind {
            EventKind::AttemptScheduled { attempt, after } => {
                write!(f, "attempt {attempt} in {after:?}")
            }
            EventKind::CallAdmitted { waited } => write!(f, "call admitted after {waited:?}"),
            EventKind::CallReleased => f.write_str("call gave its place back"),
            EventKind::CallFinished { class, elapsed } => {
                write!(f, "call over after {elapsed:?}: {class:?}")
            }
            EventKind::CallRejected { kind } => write!(f, "call rejected: {kind}"),
            EventKind::CallWouldBeRejected { kind } => write!(f, "call would be rejected: {kind}"),
            EventKind::CheckChanged {
                check,
                passing,
                output,
            } => {
                let verb = if *passing { "passes" } else { "fails" };
                write!(f, "check {check} {verb}: {output}")
            }
            EventKind::ConfigUpdated => f.write_str("configuration updated"),
            EventKind::FallbackAnswered => f.write_str("fallback answered"),
            EventKind::RetrySkipped { reason } => write!(f, "not retried: {reason}"),
            EventKind::StateChanged {
                from, to, reason, ..
            } => {
                write!(f, "{from} -> {to} ({reason})")
            }
        }
    }
}
