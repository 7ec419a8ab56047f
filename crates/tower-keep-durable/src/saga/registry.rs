use std::{collections::BTreeSet, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use sqlx::{Any, any::AnyArguments, query::Query};
use tower_keep::classify::MAX_RETRY_AFTER;

use super::{
    Committed, Cx, Plan, PlanError, Saga, StepError,
    plan::{Spec, StepSpec},
};

/// Which side of a step is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The step is made.
    Run,
    /// The step is undone.
    Undo,
}

/// Why a try did not succeed.
#[derive(Debug)]
pub(super) enum Failure {
    Step(StepError),
    /// The state cannot be read or written.
    State(serde_json::Error),
}

/// The state after a try, as JSON.
pub(super) type Tried<'a> = Pin<Box<dyn Future<Output = Result<String, Failure>> + Send + 'a>>;

/// A saga without its types.
pub(super) trait Registered: fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn spec(&self) -> &Spec;
    fn shape(&self) -> &str;
    fn attempt<'a>(&'a self, verb: Verb, index: usize, cx: &'a Cx, state: &'a str) -> Tried<'a>;
}

struct Typed<S: Saga> {
    saga: S,
    plan: Plan<S::Step, Committed>,
    shape: String,
}

impl<S: Saga> fmt::Debug for Typed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plan.spec.name)
    }
}

impl<S: Saga> Registered for Typed<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn spec(&self) -> &Spec {
        &self.plan.spec
    }

    fn shape(&self) -> &str {
        &self.shape
    }

    fn attempt<'a>(&'a self, verb: Verb, index: usize, cx: &'a Cx, state: &'a str) -> Tried<'a> {
        Box::pin(async move {
            let mut state: S::State = serde_json::from_str(state).map_err(Failure::State)?;
            let step = self.plan.steps[index];
            match verb {
                Verb::Run => self.saga.run(step, cx, &mut state).await,
                Verb::Undo => self.saga.undo(step, cx, &mut state).await,
            }
            .map_err(Failure::Step)?;
            serde_json::to_string(&state).map_err(Failure::State)
        })
    }
}

/// The plans that this process can work on.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry {
    plans: Vec<Arc<dyn Registered>>,
}

impl Registry {
    pub(super) fn add<S: Saga>(&mut self, saga: S) -> Result<(), PlanError> {
        let plan = saga.plan();
        check::<S>(&plan.spec)?;
        let name = plan.name();
        if self.plans.iter().any(|known| known.spec().name == name) {
            return Err(PlanError::new(
                name,
                "name",
                "is registered already: give this one another version",
            ));
        }
        let shape = plan.spec.shape();
        self.plans.push(Arc::new(Typed { saga, plan, shape }));
        Ok(())
    }

    pub(super) fn find(&self, plan: &str) -> Option<&Arc<dyn Registered>> {
        self.plans.iter().find(|known| known.spec().name == plan)
    }

    /// Whether a row is of a plan that is known here, in SQL; [`bind`](Self::bind) binds its values,
    /// from the placeholder `first` on.
    pub(super) fn condition(&self, first: usize) -> String {
        let known: Vec<_> = (0..self.plans.len())
            .map(|index| first + 2 * index)
            .map(|at| format!("(plan = ${at} AND shape = ${})", at + 1))
            .collect();
        match known.as_slice() {
            [] => "1 = 0".to_owned(),
            known => format!("({})", known.join(" OR ")),
        }
    }

    pub(super) fn bind<'a>(
        &self,
        mut query: Query<'a, Any, AnyArguments>,
    ) -> Query<'a, Any, AnyArguments> {
        for known in &self.plans {
            query = query
                .bind(known.spec().name.clone())
                .bind(known.shape().to_owned());
        }
        query
    }

    /// The longest that a saga of these plans is silent while all is well.
    pub(super) fn longest_silence(&self) -> Duration {
        let specs = self.plans.iter().map(|known| known.spec());
        specs
            .flat_map(|spec| {
                let steps = spec.steps.iter();
                steps
                    .map(|step| step.retry.backoff.max + step.timeout)
                    .chain([spec.undo.backoff.max + spec.undo_timeout])
            })
            .fold(MAX_RETRY_AFTER, Duration::max)
    }
}

fn check<S: Saga>(spec: &Spec) -> Result<(), PlanError> {
    let fail = |field, problem: String| Err(PlanError::new(&spec.name, field, problem));
    let version = spec.name.strip_prefix(S::NAME);
    if !version.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')) {
        let name = S::NAME;
        return fail(
            "name",
            format!("must be the saga's and a version: {name}/v1"),
        );
    }
    // A bit for each in the row.
    if spec.steps.len() > 62 {
        return fail("steps", "are more than 62: split the saga".to_owned());
    }
    let mut seen = BTreeSet::new();
    for StepSpec { name, timeout, .. } in &spec.steps {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return fail(
                "step",
                format!("`{name}` must be lower-case letters, digits and hyphens"),
            );
        }
        if !seen.insert(name) {
            return fail(
                "step",
                format!("`{name}` is there twice, and would have one key for two things"),
            );
        }
        if timeout.is_zero() {
            return fail("timeout", format!("of `{name}` is zero: give some time"));
        }
    }
    Ok(())
}
