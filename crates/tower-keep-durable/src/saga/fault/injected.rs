use std::{
    collections::{HashMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    super::{
        Cx, StepError,
        drive::verb,
        registry::{Failure, Registered, Verb},
        row::Row,
    },
    Point,
};

/// What goes wrong with a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The participant says no and does nothing.
    Reject,
    /// The request does not arrive, and nobody knows.
    LoseRequest,
    /// The request is executed, and its answer does not arrive.
    LoseReply,
    /// The request is not sent, and that is known.
    NotSent,
    /// The request is executed this many times more than once.
    Duplicate(u32),
}

/// Which tries of a step go wrong, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    first: VecDeque<Option<Fault>>,
    then: Option<Fault>,
}

impl Script {
    /// Every try goes wrong so.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self::default().then(fault)
    }

    /// The first tries go wrong so, one after the other, and the rest well. None: that one does not.
    #[must_use]
    pub fn first(faults: impl IntoIterator<Item = Option<Fault>>) -> Self {
        Self {
            first: faults.into_iter().collect(),
            then: None,
        }
    }

    /// All others go wrong so.
    #[must_use]
    pub fn then(mut self, fault: Fault) -> Self {
        self.then = Some(fault);
        self
    }

    fn next(&mut self) -> Option<Fault> {
        match self.first.pop_front() {
            Some(fault) => fault,
            None => self.then,
        }
    }
}

/// A fault that really happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// To which saga.
    pub saga: String,
    /// At which step.
    pub step: &'static str,
    /// On which side of it.
    pub verb: Verb,
    /// What.
    pub fault: Fault,
}

/// Makes steps fail and workers die, for tests. Clones are the same.
///
/// A whole process dies at a commit by [`crash_point`](crate::testing::crash_point).
#[derive(Debug, Clone, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    died: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    scripts: HashMap<(Option<String>, String, Verb), Script>,
    happened: Vec<Happened>,
    deaths: Vec<(Point, String, Verb)>,
}

impl Faults {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the step of this name go wrong, in each saga that has no script of its own.
    pub fn inject(&self, step: &str, verb: Verb, script: Script) {
        let key = (None, step.to_owned(), verb);
        self.inner().scripts.insert(key, script);
    }

    /// Makes the step of this name go wrong in this saga.
    pub fn inject_in(&self, saga_id: &str, step: &str, verb: Verb, script: Script) {
        let key = (Some(saga_id.to_owned()), step.to_owned(), verb);
        self.inner().scripts.insert(key, script);
    }

    /// Everything goes well from now on.
    pub fn clear(&self) {
        self.inner().scripts.clear();
    }

    /// The faults that happened so far: a test with a fault that never happened proves nothing.
    #[must_use]
    pub fn happened(&self) -> Vec<Happened> {
        self.inner().happened.clone()
    }

    /// The worker that next comes to this point of this step stops there for ever. Drop it once it has
    /// [died](Self::died): nothing of it runs on, as if its process had been killed.
    pub fn die_at(&self, point: Point, step: &str, verb: Verb) {
        self.inner().deaths.push((point, step.to_owned(), verb));
    }

    /// Ends when a worker has come to the point at which it was to die.
    pub async fn died(&self) {
        self.shared.died.notified().await;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        let inner = self.shared.inner.lock();
        inner.unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::saga) async fn point(&self, point: Point, row: &Row) {
        let at = row.position.cursor;
        let step = row.shape.split(' ').nth(at).unwrap_or_default();
        let step = step.trim_start_matches(['-', '!', '+']);
        let verb = verb(&row.position);
        let dies = {
            let mut inner = self.inner();
            let mut deaths = inner.deaths.iter();
            let found =
                deaths.position(|death| (death.0, &*death.1, death.2) == (point, step, verb));
            found.map(|index| inner.deaths.swap_remove(index)).is_some()
        };
        if dies {
            self.shared.died.notify_one();
            pending::<()>().await;
        }
    }

    pub(in crate::saga) async fn attempt(
        &self,
        known: &dyn Registered,
        verb: Verb,
        index: usize,
        cx: &Cx,
        row: &Row,
    ) -> Result<String, Failure> {
        let fail = |error| Err(Failure::Step(error));
        let run = || known.attempt(verb, index, cx, &row.state);
        let made = match self.draw(&row.id, known.spec().steps[index].name, verb) {
            None => run().await,
            Some(Fault::Reject) => fail(StepError::rejected("injected")),
            Some(Fault::LoseRequest) => fail(lost("request")),
            Some(Fault::LoseReply) => {
                // What the participant says is lost too.
                let _ = run().await;
                cx.roll_back().await;
                fail(lost("reply"))
            }
            Some(Fault::NotSent) => fail(StepError::NotSent {
                retry_after: Some(Duration::from_millis(10)),
            }),
            Some(Fault::Duplicate(times)) => {
                for _ in 0..times {
                    let _ = run().await;
                    cx.roll_back().await;
                }
                run().await
            }
        };
        self.point(Point::Made, row).await;
        made
    }

    fn draw(&self, saga: &str, step: &'static str, verb: Verb) -> Option<Fault> {
        let mut inner = self.inner();
        let own = (Some(saga.to_owned()), step.to_owned(), verb);
        let all = (None, step.to_owned(), verb);
        let fault = match inner.scripts.get_mut(&own) {
            Some(script) => script.next(),
            None => inner.scripts.get_mut(&all)?.next(),
        }?;
        inner.happened.push(Happened {
            saga: saga.to_owned(),
            step,
            verb,
            fault,
        });
        Some(fault)
    }
}

fn lost(what: &str) -> StepError {
    StepError::Unknown(format!("injected: the {what} was lost").into())
}
