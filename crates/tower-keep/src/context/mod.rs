//! What travels with a request through a process, with no code in the handlers.
//!
//! The correlation id layer and the timeout layer of a server put the request's [`CorrelationId`],
//! [`TraceParent`] and [`Deadline`] around the handler; the same layers of a client find them here.
//!
//! They belong to the task and to nothing else: two requests on one task do not see each other's,
//! and `join!` and `select!` keep them. A task that a handler spawns has to be given them, which
//! [`context::spawn`](spawn) does. Work that does not come in over HTTP makes a [`Context`] and runs
//! in its [`scope`](Context::scope).

mod correlation;
mod current;
mod deadline;
mod scope;
#[cfg(test)]
mod tests;
mod trace;

#[cfg(feature = "correlation-id")]
pub(crate) use self::{correlation::new_uuid, current::enter};
pub use self::{
    correlation::{CorrelationId, InvalidCorrelationId, correlation_id},
    current::Context,
    deadline::{Deadline, WithDeadline, deadline},
    scope::{Scope, carry, spawn},
    trace::{InvalidTraceParent, TraceParent, trace_parent},
};
