use std::future::Future;

use serde::{Serialize, de::DeserializeOwned};

use super::{Committed, Cx, Plan, StepError, StepName};

/// A business transaction over several services: its plan, and what each step does and undoes.
///
/// A step is made *at least once*: after a crash, a timeout or a lost answer it is made again, with
/// the same [key](Cx::key), by which the participant knows it. An undo may come after, before or
/// while the step is executed, and where it never was; the participant must then refuse what comes
/// late. `undo` gets the state as the last *done* step left it: of a step whose answer was lost it
/// knows nothing but the key.
///
/// Changes to the state are kept if the step is done and dropped if not.
pub trait Saga: Send + Sync + 'static {
    /// Its name, in logs and metrics. Its plans are called `NAME/version`.
    const NAME: &'static str;
    /// Its steps.
    type Step: StepName;
    /// What it knows. Stored as JSON after each step; a later release must still read it.
    type State: Serialize + DeserializeOwned + Send + Sync;

    /// Its steps in order.
    fn plan(&self) -> Plan<Self::Step, Committed>;

    /// Makes a step. It is dropped at its timeout or when the process stops.
    fn run(
        &self,
        step: Self::Step,
        cx: &Cx,
        state: &mut Self::State,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Undoes a step that can be undone. An error of any kind has it tried again, later.
    fn undo(
        &self,
        step: Self::Step,
        cx: &Cx,
        state: &mut Self::State,
    ) -> impl Future<Output = Result<(), StepError>> + Send;
}
