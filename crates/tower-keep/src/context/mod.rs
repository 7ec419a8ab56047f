//! What travels with a request through a process, with no code in the handlers.
//!
//! The correlation id layer and the timeout layer of a server put the request's [`CorrelationId`],
//! [`TraceParent`] and [`Deadline`] around the handler; the same layers of a client find them here.
//! They live in the task, so a task that a handler spawns has to be given them:
//! [`context::spawn`](spawn) does that.

mod correlation;
mod deadline;
mod trace;

pub use self::{
    correlation::{CorrelationId, correlation_id},
    deadline::{Deadline, deadline},
    trace::TraceParent,
};
