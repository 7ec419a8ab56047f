use std::{sync::Arc, time::Duration};

use super::{
    Event, EventKind, Fact,
    record::{self, Recording},
};
use crate::{
    common::{
        clock::{self, Instant},
        name::Name,
        sync::{self, Mutex},
    },
    context::CorrelationId,
    rejection::Rejection,
};

/// What the layers did with one call, written down while it ran.
///
/// The [decision layer](crate::decision) leaves one in the extensions of each response. It is a
/// handle: as long as the body streams, more may come. Clones share it.
///
/// Work that is no HTTP call is recorded by hand:
///
/// ```
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use tower_keep::{BoxError, bulkhead::BulkheadLayer, observe::Decision};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let quotes = ServiceBuilder::new()
///     .layer(BulkheadLayer::new(0).named("quotes").plain())
///     .service(service_fn(async |_: u32| Ok::<_, BoxError>("a quote")));
/// let decision = Decision::new();
/// assert!(decision.scope(quotes.oneshot(7)).await.is_err());
/// assert_eq!(decision.entries()[0].layer, "bulkhead");
/// # }
/// ```
///
/// It belongs to the task, as the [context](crate::context) does: what runs in a task that was spawned
/// is not written down, unless it is given [`Decision::current`] and runs in its
/// [`scope`](Self::scope).
#[derive(Clone)]
pub struct Decision(Arc<Record>);

struct Record {
    started: Instant,
    max_entries: usize,
    /// The call that this call is made for, which wants to know as well.
    outer: Option<Decision>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    entries: Vec<Entry>,
    omitted: usize,
    further_attempts: u32,
    rejection: Option<Rejection>,
    correlation_id: Option<CorrelationId>,
    ending: Option<(Ending, Instant)>,
}

/// Something that a layer did with a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The layer: its module's name.
    pub layer: &'static str,
    name: Name,
    /// When, from the beginning of the call.
    pub at: Duration,
    /// In which attempt, if a layer further out makes several; the first is 1.
    pub attempt: Option<u32>,
    /// What.
    pub kind: EventKind,
}

impl Entry {
    /// The name given to the layer, empty if none was given.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With an answer, to its last byte.
    Answered,
    /// The caller went away, or somebody outside stopped waiting.
    Dropped,
    /// With an error, or with a body that broke off.
    Failed,
}

impl Ending {
    /// The ending as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// As many as a call with a handful of attempts through six layers makes, with room on top.
const MAX_ENTRIES: usize = 64;

impl Decision {
    /// A record that begins now and holds 64 entries.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(MAX_ENTRIES)
    }

    pub(crate) fn with_capacity(max_entries: usize) -> Self {
        record::begin();
        Self(Arc::new(Record {
            started: clock::now(),
            max_entries,
            outer: record::current(),
            notes: Mutex::default(),
        }))
    }

    /// The record of the call that this task works for, if there is one.
    #[must_use]
    pub fn current() -> Option<Self> {
        record::current()
    }

    /// A future like `work`, in which everything is written down here.
    pub fn scope<F: Future>(&self, work: F) -> Recording<F> {
        Recording::new(self.clone(), work)
    }

    /// What the layers did, in the order in which it happened.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.notes(|notes| notes.entries.clone())
    }

    /// How many entries did not fit.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.notes(|notes| notes.omitted)
    }

    /// How many attempts were made: 1, and one more for each that a layer inside scheduled.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.notes(|notes| 1 + notes.further_attempts)
    }

    /// How long the call waited in queues.
    #[must_use]
    pub fn queued(&self) -> Duration {
        self.sum(|entry| match &entry.kind {
            EventKind::CallAdmitted { waited }
            | EventKind::CallRejected {
                kind: crate::rejection::Kind::QueueTimeout { waited },
            } => *waited,
            _ => Duration::ZERO,
        })
    }

    /// The refusal that the caller got in place of an answer.
    #[must_use]
    pub fn rejection(&self) -> Option<Rejection> {
        self.notes(|notes| notes.rejection.clone())
    }

    /// The state in which the last breaker was that the call came to.
    #[must_use]
    pub fn breaker_state(&self) -> Option<&'static str> {
        self.last(|kind| match kind {
            EventKind::CallNoted {
                fact: Fact::State { state },
            } => Some(*state),
            _ => None,
        })
    }

    /// How many retries were left when the last retry layer looked.
    #[must_use]
    pub fn budget_left(&self) -> Option<f64> {
        self.last(|kind| match kind {
            EventKind::CallNoted {
                fact: Fact::Budget { left },
            } => Some(*left),
            _ => None,
        })
    }

    /// How much of the tightest deadline is left, or was when the call ended; zero if it has passed.
    #[must_use]
    pub fn deadline_left(&self) -> Option<Duration> {
        let elapsed = self.elapsed();
        self.notes(|notes| {
            let ends = notes.entries.iter().filter_map(|entry| match entry.kind {
                EventKind::CallNoted {
                    fact: Fact::Deadline { left },
                } => Some(entry.at + left),
                _ => None,
            });
            ends.min().map(|end| end.saturating_sub(elapsed))
        })
    }

    /// Why a fallback answered, if one did.
    #[must_use]
    pub fn fallback(&self) -> Option<&'static str> {
        self.last(|kind| match kind {
            EventKind::FallbackAnswered { cause } => Some(*cause),
            _ => None,
        })
    }

    /// Where the answer comes from, if it had been made for another call: `fresh`, `stale`, ...
    #[must_use]
    pub fn reused(&self) -> Option<&'static str> {
        self.last(|kind| match kind {
            EventKind::AnswerReused { from } => Some(*from),
            _ => None,
        })
    }

    /// How long the call took, or takes already.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let end = self.notes(|notes| notes.ending.map(|(_, at)| at));
        let end = end.unwrap_or_else(clock::now);
        end.saturating_duration_since(self.0.started)
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.notes(|notes| notes.ending.map(|(ending, _)| ending))
    }

    /// Whether anything happened that somebody may ask about: a refusal, also one that is not enforced,
    /// a further attempt, a fallback, a panic, a caller who went away.
    #[must_use]
    pub fn is_remarkable(&self) -> bool {
        self.notes(|notes| {
            let ended_well = matches!(notes.ending, None | Some((Ending::Answered, _)));
            !ended_well
                || notes.rejection.is_some()
                || notes.entries.iter().any(|entry| {
                    !matches!(
                        entry.kind,
                        EventKind::CallNoted { .. }
                            | EventKind::CallAdmitted { .. }
                            | EventKind::CallFinished { .. }
                            | EventKind::CallReleased
                            | EventKind::AnswerReused { .. }
                    )
                })
        })
    }

    pub(super) fn correlation_id(&self) -> Option<CorrelationId> {
        self.notes(|notes| notes.correlation_id.clone())
    }

    pub(crate) fn rejected(&self, rejection: &Rejection) {
        self.notes(|notes| notes.rejection = Some(rejection.clone()));
    }

    pub(crate) fn ended(&self, ending: Ending) {
        let now = clock::now();
        self.notes(|notes| {
            notes.ending.get_or_insert((ending, now));
        });
    }

    pub(super) fn note(&self, event: &Event, attempt: u32) {
        if matches!(event.kind, EventKind::CallExplained { .. }) {
            // It holds a record of its own.
            return;
        }
        let Record {
            started,
            max_entries,
            outer,
            ..
        } = &*self.0;
        if let Some(outer) = outer {
            outer.note(event, attempt);
        }
        self.notes(|notes| {
            if matches!(event.kind, EventKind::AttemptScheduled { .. }) {
                notes.further_attempts += 1;
            }
            if notes.correlation_id.is_none() {
                notes.correlation_id.clone_from(&event.correlation_id);
            }
            if notes.entries.len() >= *max_entries {
                notes.omitted += 1;
                return;
            }
            let mut before = notes.entries.iter().rev();
            let same = |entry: &&Entry| entry.layer == event.layer && entry.name == event.name;
            let attempt = match attempt {
                // The end of a body: it belongs to the attempt that the layer spoke of last.
                0 => before.find(same).and_then(|entry| entry.attempt),
                number => Some(number),
            };
            notes.entries.push(Entry {
                layer: event.layer,
                name: event.name,
                at: event.at.saturating_duration_since(*started),
                attempt,
                kind: event.kind.clone(),
            });
        });
    }

    fn notes<R>(&self, work: impl FnOnce(&mut Notes) -> R) -> R {
        work(&mut sync::lock(&self.0.notes))
    }

    fn last<R>(&self, find: impl Fn(&EventKind) -> Option<R>) -> Option<R> {
        self.notes(|notes| {
            notes
                .entries
                .iter()
                .rev()
                .find_map(|entry| find(&entry.kind))
        })
    }

    fn sum(&self, time: impl Fn(&Entry) -> Duration) -> Duration {
        self.notes(|notes| notes.entries.iter().map(time).sum())
    }
}

impl Default for Decision {
    fn default() -> Self {
        Self::new()
    }
}
