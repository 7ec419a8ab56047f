use std::{fmt::Write, marker::PhantomData, time::Duration};

use super::{Retry, StepName};

/// The steps of a saga in order, as data. The type keeps the order right: steps that can be undone,
/// then exactly one pivot, then steps that must succeed in the end.
///
/// ```
/// use std::time::Duration;
/// use tower_keep_durable::saga::{Committed, Plan, Retry};
///
/// # tower_keep_durable::saga_steps! { enum Step {
/// #     ReserveStock = "reserve-stock", ConfirmOrder = "confirm-order", Ship = "ship" } }
/// let plan: Plan<Step, Committed> = Plan::new("place-order/v1")
///     .compensatable(Step::ReserveStock).timeout(Duration::from_millis(800)).retry(Retry::times(4))
///     .pivot(Step::ConfirmOrder)
///     .retriable(Step::Ship) // nothing else can follow
///     .deadline(Duration::from_secs(15 * 60));
/// assert!(plan.mermaid(None).starts_with("flowchart LR"));
/// ```
#[derive(Debug, Clone)]
pub struct Plan<S, Stage> {
    pub(super) steps: Vec<S>,
    pub(super) spec: Spec,
    stage: PhantomData<Stage>,
}

/// No step yet.
#[derive(Debug, Clone, Copy)]
pub struct Empty;
/// Before the pivot: everything can still be undone.
#[derive(Debug, Clone, Copy)]
pub struct Open;
/// The pivot is there: from it on there is only forward.
#[derive(Debug, Clone, Copy)]
pub struct Committed;

/// What may happen to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Can be undone.
    Compensatable,
    /// The point of no return: with it the saga has happened.
    Pivot,
    /// Must succeed in the end.
    Retriable,
}

/// In which order steps are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UndoOrder {
    /// The last first; one that fails holds up those before it.
    #[default]
    Reverse,
    /// The last first, and one that fails holds up nobody: for participants that do not depend on
    /// each other.
    Any,
}

/// A plan without its types.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) steps: Vec<StepSpec>,
    pub(super) undo: Retry,
    pub(super) undo_timeout: Duration,
    pub(super) undo_order: UndoOrder,
    pub(super) deadline: Duration,
    pub(super) patience: Duration,
}

#[derive(Debug, Clone)]
pub(super) struct StepSpec {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) timeout: Duration,
    pub(super) retry: Retry,
}

impl<S: StepName> Plan<S, Empty> {
    /// A plan of this name and version, `place-order/v1`.
    ///
    /// Sagas that run when a release changes the steps go on by the plan they were started with: what
    /// is changed is registered as `/v2`, beside `/v1`. Times and retries may change within a version.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            spec: Spec {
                name: name.into(),
                steps: Vec::new(),
                undo: Retry::forever(),
                undo_timeout: Duration::from_secs(10),
                undo_order: UndoOrder::Reverse,
                deadline: Duration::from_secs(15 * 60),
                patience: Duration::from_secs(24 * 60 * 60),
            },
            stage: PhantomData,
        }
    }

    /// The first step, which can be undone.
    #[must_use]
    pub fn compensatable(self, step: S) -> Plan<S, Open> {
        self.add(step, Kind::Compensatable)
    }

    /// The pivot, of a plan that has nothing to undo.
    #[must_use]
    pub fn pivot(self, step: S) -> Plan<S, Committed> {
        self.add(step, Kind::Pivot)
    }
}

impl<S: StepName> Plan<S, Open> {
    /// One more step that can be undone.
    #[must_use]
    pub fn compensatable(self, step: S) -> Self {
        self.add(step, Kind::Compensatable)
    }

    /// The point of no return. Make it a change in this service's own database
    /// ([`Cx::local`](super::Cx::local)), so that there is never a doubt about it.
    #[must_use]
    pub fn pivot(self, step: S) -> Plan<S, Committed> {
        self.add(step, Kind::Pivot)
    }
}

impl<S: StepName> Plan<S, Committed> {
    /// A step that must succeed in the end: it is tried until it does, and a "no" parks the saga.
    #[must_use]
    pub fn retriable(self, step: S) -> Self {
        self.add(step, Kind::Retriable)
    }
}

/// A stage in which the plan has a last step, for what is said about that step.
pub trait HasStep {}
impl HasStep for Open {}
impl HasStep for Committed {}

impl<S: StepName, Stage: HasStep> Plan<S, Stage> {
    /// How long one try of the step just named may take. Default 10 s. Its end is a doubt.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.last().timeout = timeout;
        self
    }

    /// How often the step just named is tried. Default: 4 times before the pivot, for ever from it on.
    /// A pivot or a later step that has used up its tries is parked.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.last().retry = retry;
        self
    }

    fn last(&mut self) -> &mut StepSpec {
        let last = self.spec.steps.last_mut();
        last.expect("the stage says that there is a step")
    }
}

impl<S: StepName, Stage> Plan<S, Stage> {
    /// How long after its start the saga may still be before its pivot. Default 15 min. Then it is
    /// undone, unless there is a doubt whether the pivot happened.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.spec.deadline = deadline;
        self
    }

    /// How long a pivot, a later step or an undo may fail on end before the saga is parked and
    /// somebody is told. Default 24 h.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.spec.patience = patience;
        self
    }

    /// How often and how long each undo is tried. Default: for ever, from 1 s apart to 5 min, 10 s each.
    #[must_use]
    pub fn undo(mut self, retry: Retry, timeout: Duration) -> Self {
        self.spec.undo = retry;
        self.spec.undo_timeout = timeout;
        self
    }

    /// In which order steps are undone. Default [`UndoOrder::Reverse`].
    #[must_use]
    pub fn undo_order(mut self, order: UndoOrder) -> Self {
        self.spec.undo_order = order;
        self
    }

    /// Its name and version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// A [Mermaid](https://mermaid.js.org) flowchart of the plan, with the step `at` marked.
    #[must_use]
    pub fn mermaid(&self, at: Option<&str>) -> String {
        self.spec.mermaid(at)
    }

    fn add<Next>(mut self, step: S, kind: Kind) -> Plan<S, Next> {
        let retry = match kind {
            Kind::Compensatable => Retry::times(4),
            Kind::Pivot | Kind::Retriable => Retry::forever(),
        };
        self.steps.push(step);
        self.spec.steps.push(StepSpec {
            name: step.name(),
            kind,
            timeout: Duration::from_secs(10),
            retry,
        });
        Plan {
            steps: self.steps,
            spec: self.spec,
            stage: PhantomData,
        }
    }
}

impl Spec {
    /// The steps and their kinds: what must not change within a version.
    pub(super) fn shape(&self) -> String {
        let mut shape = String::new();
        for step in &self.steps {
            let mark = match step.kind {
                Kind::Compensatable => "-",
                Kind::Pivot => "!",
                Kind::Retriable => "+",
            };
            shape.push_str(mark);
            shape.push_str(step.name);
            shape.push(' ');
        }
        shape.truncate(shape.trim_end().len());
        shape
    }

    pub(super) fn mermaid(&self, at: Option<&str>) -> String {
        let mut chart = "flowchart LR\n".to_owned();
        for (index, step) in self.steps.iter().enumerate() {
            let name = step.name;
            let [left, right] = match step.kind {
                Kind::Compensatable => ["[", "]"],
                Kind::Pivot => ["{{", "}}"],
                Kind::Retriable => ["([", "])"],
            };
            let _ = writeln!(chart, "    s{index}{left}\"{name}\"{right}");
            if index > 0 {
                let _ = writeln!(chart, "    s{} --> s{index}", index - 1);
            }
            if step.kind == Kind::Compensatable {
                let before = match index {
                    0 => "undone([\"compensated\"])".to_owned(),
                    _ => format!("u{}", index - 1),
                };
                let _ = writeln!(chart, "    u{index}[/\"undo {name}\"/] -.-> {before}");
                let _ = writeln!(chart, "    s{index} -.-> u{index}");
            }
            if at == Some(name) {
                let _ = writeln!(chart, "    style s{index} stroke-width:4px");
            }
        }
        chart
    }
}
