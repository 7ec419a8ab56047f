use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::EventKind;
use crate::common::statics::{AtomicBool, Relaxed, RwLock, read, write};

/// How loud an event is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Not a line at all.
    Silent,
    /// For people who debug.
    Debug,
    /// For everybody.
    Info,
    /// For people on call.
    Warn,
    /// For people who are woken up.
    Error,
}

impl Severity {
    /// What is alarming is for people on call, what is rare for everybody, and what is frequent for
    /// people who debug. What is made for each call is for metrics.
    #[must_use]
    pub fn of(kind: &EventKind) -> Self {
        match kind {
            _ if kind.is_per_call() => Self::Silent,
            EventKind::StateChanged { alarming: true, .. }
            | EventKind::CheckChanged { passing: false, .. }
            | EventKind::DocumentRefused { .. }
            | EventKind::PanicCaught { .. } => Self::Warn,
            EventKind::DocumentApplied { unknown, .. } if !unknown.is_empty() => Self::Warn,
            EventKind::StateChanged { .. }
            | EventKind::CheckChanged { .. }
            | EventKind::ConfigUpdated { .. }
            | EventKind::DocumentApplied { .. }
            | EventKind::EndpointChanged { .. } => Self::Info,
            _ => Self::Debug,
        }
    }
}

type Rule = dyn Fn(&'static str, &EventKind) -> Option<Severity> + Send + Sync;

static RULE: RwLock<Option<Arc<Rule>>> = RwLock::new(None);
/// Whether there is a rule. A hint that is set after it: relaxed, the lock orders the rest.
static RULED: AtomicBool = AtomicBool::new(false);

/// Has `rule` decide how loud the events of this process are in the log, by the layer's name and what
/// happened; where it answers `None`, [`Severity::of`] counts. The last rule given is in force.
///
/// It is asked about every event, before the event is made: keep it short. A panic in it is contained,
/// and counts as `None`. Events that are made for
/// each admitted call only become lines if something else wants them, such as metrics.
///
/// ```
/// use tower_keep::observe::{EventKind, Severity, override_severity};
///
/// override_severity(|layer, kind| match kind {
///     // Nobody is to be woken by the breaker of something that we can do without ...
///     EventKind::StateChanged { alarming: true, .. } if layer == "circuit_breaker" => {
///         Some(Severity::Info)
///     }
///     // ... and refusals are worth a line.
///     EventKind::CallRejected { .. } => Some(Severity::Info),
///     _ => None,
/// });
/// ```
pub fn override_severity<F>(rule: F)
where
    F: Fn(&'static str, &EventKind) -> Option<Severity> + Send + Sync + 'static,
{
    *write(&RULE) = Some(Arc::new(rule));
    RULED.store(true, Relaxed);
}

/// How loud an event is.
pub(super) fn severity(layer: &'static str, kind: &EventKind) -> Severity {
    let ruled = RULED.load(Relaxed).then(|| {
        // A copy, so that no lock is held while the rule runs.
        let rule = read(&RULE).clone();
        // A bug in it must not become the caller's failed request.
        rule.and_then(|rule| catch_unwind(AssertUnwindSafe(|| rule(layer, kind))).ok()?)
    });
    ruled.flatten().unwrap_or_else(|| Severity::of(kind))
}
