//! One try of a step: with its time, its context, its lease kept meanwhile, and its panics caught.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Duration,
};

use tokio::{
    select,
    time::{Instant, sleep},
};
use tower_keep::context::{Context, CorrelationId, Deadline, TraceParent};

use super::{
    Cx, StepError, Worker,
    cx::Effects,
    drive::{event, verb},
    plan::Kind,
    registry::{Failure, Registered, Verb},
    row::Row,
    state::Outcome,
    store::renew,
};
use crate::observe;

/// A try, as it is observed.
pub(crate) struct Try<'a> {
    pub(crate) saga: &'static str,
    pub(crate) plan: &'a str,
    pub(crate) id: &'a str,
    pub(crate) step: &'a str,
    /// `run` or `undo`.
    pub(crate) verb: &'static str,
    pub(crate) attempt: u32,
    pub(crate) correlation: &'a str,
    pub(crate) traceparent: Option<&'a str>,
}

/// What came of a try.
pub(super) struct Tried {
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    pub(super) state: Option<String>,
    pub(super) effects: Effects,
}

impl Worker {
    /// Tries the step at the cursor, in a span of its own. None if the saga was taken over meanwhile.
    pub(super) async fn attempt(&self, known: &dyn Registered, row: &Row) -> Option<Tried> {
        let verb = verb(&row.position);
        let made = Try {
            saga: known.name(),
            plan: &row.plan,
            id: &row.id,
            step: known.spec().steps[row.position.cursor].name,
            verb: match verb {
                Verb::Run => "run",
                Verb::Undo => "undo",
            },
            attempt: row.position.attempt.saturating_add(1),
            correlation: &row.correlation,
            traceparent: row.traceparent.as_deref(),
        };
        let (span, began) = (observe::attempt_span(&made), Instant::now());
        let tried = span.around(self.made(known, row, verb)).await;
        let event = match &tried {
            Some(tried) => event(verb, tried.outcome),
            None => "lost",
        };
        observe::attempted(&span, &made, event, began.elapsed());
        tried
    }

    async fn made(&self, known: &dyn Registered, row: &Row, verb: Verb) -> Option<Tried> {
        let index = row.position.cursor;
        let step = known.spec().steps[index].name;
        let limit = self.limit(known, row, verb);
        let cx = Cx::new(&self.sagas.db, row, step);
        let work = self.hooks.attempt(known, verb, index, &cx, row);
        let work = Deadline::after(limit).scope(context(row).scope(work));
        let made = select! {
            biased;
            made = caught(work) => made,
            () = sleep(limit) => Err(unknown(format!("no answer within {limit:?}"))),
            () = self.lose(row) => return None,
        };
        Some(match (made, cx) {
            (Ok(state), cx) => Tried {
                outcome: Outcome::Done,
                error: None,
                state: Some(state),
                effects: cx.into_effects(),
            },
            (Err(failure), cx) => {
                cx.roll_back().await;
                failed(failure)
            }
        })
    }

    /// How long the try may take. Once a step cannot be given up any more, only its own time counts.
    fn limit(&self, known: &dyn Registered, row: &Row, verb: Verb) -> Duration {
        let spec = known.spec();
        let step = &spec.steps[row.position.cursor];
        match (verb, step.kind) {
            (Verb::Undo, _) => spec.undo_timeout,
            (Verb::Run, Kind::Compensatable) => {
                let left = row.deadline_at.saturating_sub(self.sagas.db.now());
                let left = Duration::from_micros(u64::try_from(left).unwrap_or_default());
                step.timeout.min(left)
            }
            (Verb::Run, _) => step.timeout,
        }
    }

    /// Keeps the lease; ends when the saga is somebody else's.
    async fn lose(&self, row: &Row) {
        loop {
            sleep(self.lease / 3).await;
            match renew(&self.sagas.db, row, self.lease).await {
                Ok(true) => {}
                Ok(false) => return,
                // The fence does not depend on it.
                Err(error) => observe::failed("saga lease", &error.into()),
            }
        }
    }
}

/// The correlation id and the trace of whoever started the saga.
fn context(row: &Row) -> Context {
    let id = CorrelationId::parse(&row.correlation).unwrap_or_else(|_| CorrelationId::new());
    let trace = row.traceparent.as_deref();
    match trace.and_then(|trace| TraceParent::parse(trace).ok()) {
        Some(trace) => Context::traced(id, trace),
        None => Context::new(id),
    }
}

/// A panic is an end nobody knows.
async fn caught<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Err(unknown(format!("panicked: {}", message(&*panic)))).into())
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

fn unknown(reason: impl Into<String>) -> Failure {
    Failure::Step(StepError::Unknown(reason.into().into()))
}

fn failed(failure: Failure) -> Tried {
    let (outcome, error) = match failure {
        Failure::State(error) => (Outcome::Broken, format!("state: {error}")),
        Failure::Step(error) => {
            let outcome = match &error {
                StepError::Rejected(_) => Outcome::Rejected,
                StepError::NotSent { retry_after } => Outcome::NotSent(*retry_after),
                StepError::Unknown(_) => Outcome::Unknown,
            };
            (outcome, error.to_string())
        }
    };
    Tried {
        outcome,
        error: Some(error),
        state: None,
        effects: Effects::default(),
    }
}
