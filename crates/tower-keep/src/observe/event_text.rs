use std::fmt;

use super::{Event, EventKind, Fact};

impl fmt::Display for Event {
    /// One line for a person: `circuit_breaker payments: closed -> open (5 failures in a row)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.layer)?;
        if !self.name().is_empty() {
            write!(f, " {}", self.name())?;
        }
        if let Some(key) = self.key() {
            write!(f, " [{key}]")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl fmt::Display for EventKind {
    /// The same without the layer: `closed -> open (5 failures in a row)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnswerReused { from } => write!(f, "{from} answer reused"),
            Self::AttemptScheduled { attempt, after } => {
                write!(f, "attempt {attempt} in {after:?}")
            }
            Self::AttemptSkipped { reason } => write!(f, "no further attempt: {reason}"),
            Self::AttemptWon { attempt } => write!(f, "attempt {attempt} answered first"),
            Self::CallAdmitted { waited } => write!(f, "call admitted after {waited:?}"),
            Self::CallDetached => f.write_str("call goes on in the background"),
            Self::CallExplained { decision } => decision.fmt(f),
            Self::CallFinished { class, elapsed } => {
                write!(f, "call over after {elapsed:?}: {class:?}")
            }
            Self::CallNoted { fact } => fact.fmt(f),
            Self::CallReleased => f.write_str("call gave its place back"),
            Self::CallRejected { kind } => write!(f, "call rejected: {kind}"),
            Self::CallWouldBeRejected { kind } => write!(f, "call would be rejected: {kind}"),
            Self::CheckChanged {
                check,
                passing,
                output,
            } => {
                let verb = if *passing { "passes" } else { "fails" };
                write!(f, "check {check} {verb}: {output}")
            }
            Self::ComparisonMade { matched: true, .. } => f.write_str("the answers are the same"),
            Self::ComparisonMade { difference, .. } => {
                write!(f, "the answers differ: {difference}")
            }
            Self::ConfigUpdated { changes } => write!(f, "configuration updated: {changes}"),
            Self::EndpointChanged {
                endpoint,
                change,
                reason,
            } => write!(f, "endpoint {endpoint} {change} ({reason})"),
            Self::DocumentApplied {
                source,
                changed,
                unknown,
            } => {
                write!(f, "{source} applied, {changed} layers changed")?;
                if unknown.is_empty() {
                    return Ok(());
                }
                write!(f, "; there is no {}", unknown.join(", no "))
            }
            Self::DocumentRefused { source, problem } => write!(f, "{source} refused: {problem}"),
            Self::FallbackAnswered { cause } => write!(f, "fallback answered ({cause})"),
            Self::FaultInjected { fault } => write!(f, "fault injected: {fault}"),
            Self::HandleChanged { handle, change } => write!(f, "{handle} {change}"),
            Self::KeyOverflowed => f.write_str("no room for a new key, the overflow took the call"),
            Self::LimitChanged { from, to, reason } => {
                write!(f, "limit {from} -> {to} ({reason})")
            }
            Self::PanicCaught { message } => write!(f, "panic caught: {message}"),
            Self::StateChanged {
                from, to, reason, ..
            } => {
                write!(f, "{from} -> {to} ({reason})")
            }
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { left } => write!(f, "{left:.0} retries left"),
            Self::Deadline { left } => write!(f, "{left:?} left"),
            Self::State { state } => f.write_str(state),
        }
    }
}
