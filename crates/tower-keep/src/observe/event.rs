use std::time::Duration;

use super::Decision;
use crate::{
    classify::Class,
    common::{
        clock::Instant,
        name::{Key, Name},
    },
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
    pub(super) key: Key,
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

    /// The key it happened to, where the layer is [keyed](crate::keyed).
    ///
    /// Callers choose keys, so there can be very many: good in a log line, bad as a metric's label.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let key = self.key.as_str();
        (!key.is_empty()).then_some(key)
    }
}

/// What happened. Past tense: it cannot be changed any more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// An answer was given that had been made for another call.
    AnswerReused {
        /// What kind of answer: `fresh`, `stale`, `revalidated`, `shared`, `stored`.
        from: &'static str,
    },
    /// A further attempt will be made after a wait.
    AttemptScheduled {
        /// Which attempt it will be; the first call is 1.
        attempt: u32,
        /// After how long.
        after: Duration,
    },
    /// A further attempt was wanted and not made.
    AttemptSkipped {
        /// Why not.
        reason: &'static str,
    },
    /// Of several attempts at once, this one answered.
    AttemptWon {
        /// Which one; the first call is 1.
        attempt: u32,
    },
    /// A call was let in. For each call, so only made if somebody wants it.
    CallAdmitted {
        /// How long it waited in the queue.
        waited: Duration,
    },
    /// A call goes on in the background, its caller has gone.
    CallDetached,
    /// A call is over, whose decision was recorded. For each call, unless it is
    /// [remarkable](Decision::is_remarkable).
    CallExplained {
        /// What was done with it.
        decision: Decision,
    },
    /// A call was let in and is over. For each call, so only made if somebody wants it.
    CallFinished {
        /// How it went.
        class: Class,
        /// From the admission to the end of the answer.
        elapsed: Duration,
    },
    /// What a layer knew when it decided about a call. Written into the [`Decision`] of the call, and
    /// told to nobody else.
    CallNoted {
        /// What it knew.
        fact: Fact,
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
    /// The answers of two services to the same request were compared.
    ComparisonMade {
        /// Whether they were the same.
        matched: bool,
        /// What differed, empty if nothing did.
        difference: String,
    },
    /// A layer was given a new configuration while running.
    ConfigUpdated {
        /// What changed: `max_concurrent: 10 -> 20, ...`.
        changes: String,
    },
    /// An endpoint came, went, was ejected or returned.
    EndpointChanged {
        /// The endpoint.
        endpoint: String,
        /// What happened to it: `added`, `removed`, `ejected`, `returned`, or `would_be_ejected` in a dry
        /// run.
        change: &'static str,
        /// Why.
        reason: String,
    },
    /// A document of configurations was put into force.
    DocumentApplied {
        /// Where it came from: a path, for instance.
        source: String,
        /// How many layers it changed.
        changed: usize,
        /// What it says of layers that are not there, such as `bulkhead.paymetns`.
        unknown: Vec<String>,
    },
    /// A document of configurations was refused; what was in force still is.
    DocumentRefused {
        /// Where it came from: a path, for instance.
        source: String,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// A fallback answered in place of the service.
    FallbackAnswered {
        /// What was wrong with the service: a [kind](crate::rejection::Kind::as_str) of rejection, or
        /// a [class](Class::as_str).
        cause: &'static str,
    },
    /// A fault was injected into a call.
    FaultInjected {
        /// Which: `latency`, `status`, ...
        fault: &'static str,
    },
    /// A layer can be steered by name now, or cannot any more.
    HandleChanged {
        /// The layer and its name: `bulkhead.payments`.
        handle: String,
        /// What happened to it: `added`, `removed`, `replaced`.
        change: &'static str,
    },
    /// A call with a new key went into the shared overflow, because no more keys fit.
    KeyOverflowed,
    /// A limit moved by itself.
    LimitChanged {
        /// What it was.
        from: usize,
        /// What it is.
        to: usize,
        /// Why.
        reason: &'static str,
    },
    /// A panic of the service was caught.
    PanicCaught {
        /// What it said.
        message: String,
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

/// What a layer knew when it decided about a call.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    /// How many retries its budget had left.
    Budget {
        /// So many.
        left: f64,
    },
    /// How much time the call had left.
    Deadline {
        /// So much.
        left: Duration,
    },
    /// The state it was in.
    State {
        /// As one word.
        state: &'static str,
    },
}

impl EventKind {
    /// Whether it is made for each admitted call.
    #[must_use]
    pub fn is_per_call(&self) -> bool {
        match self {
            Self::CallExplained { decision } => !decision.is_remarkable(),
            Self::CallAdmitted { .. }
            | Self::CallFinished { .. }
            | Self::CallNoted { .. }
            | Self::CallReleased => true,
            _ => false,
        }
    }

    /// The event as one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::AnswerReused { .. } => "answer_reused",
            Self::AttemptScheduled { .. } => "attempt_scheduled",
            Self::AttemptSkipped { .. } => "attempt_skipped",
            Self::AttemptWon { .. } => "attempt_won",
            Self::CallAdmitted { .. } => "call_admitted",
            Self::CallDetached => "call_detached",
            Self::CallExplained { .. } => "call_explained",
            Self::CallFinished { .. } => "call_finished",
            Self::CallNoted { .. } => "call_noted",
            Self::CallReleased => "call_released",
            Self::CallRejected { .. } => "call_rejected",
            Self::CallWouldBeRejected { .. } => "call_would_be_rejected",
            Self::CheckChanged { .. } => "check_changed",
            Self::ComparisonMade { .. } => "comparison_made",
            Self::ConfigUpdated { .. } => "config_updated",
            Self::EndpointChanged { .. } => "endpoint_changed",
            Self::DocumentApplied { .. } => "document_applied",
            Self::DocumentRefused { .. } => "document_refused",
            Self::FallbackAnswered { .. } => "fallback_answered",
            Self::FaultInjected { .. } => "fault_injected",
            Self::HandleChanged { .. } => "handle_changed",
            Self::KeyOverflowed => "key_overflowed",
            Self::LimitChanged { .. } => "limit_changed",
            Self::PanicCaught { .. } => "panic_caught",
            Self::StateChanged { .. } => "state_changed",
        }
    }
}
