//! What travels with a request through a process, with no code in the handlers.
//!
//! The correlation id layer and the timeout layer of a server put the request's [`CorrelationId`],
//! [`TraceParent`], [`Priority`] and [`Deadline`] around the handler; the same layers of a client find them here.
//!
//! They belong to the task and to nothing else: two requests on one task do not see each other's,
//! and `join!` and `select!` keep them. A task that a handler spawns has to be given them, which
//! [`context::spawn`](spawn) does. Work that does not come in over HTTP makes a [`Context`] and runs
//! in its [`scope`](Context::scope).

mod attempt;
mod b3;
mod correlation;
mod current;
mod deadline;
mod priority;
#[cfg(test)]
mod reference;
mod scope;
#[cfg(test)]
mod tests;
mod trace;

use self::priority::replace_priority;
pub use self::{
    attempt::inbound_attempt,
    correlation::{CorrelationId, InvalidCorrelationId, correlation_id},
    current::Context,
    deadline::{Deadline, WithDeadline, deadline},
    priority::{Priority, WithPriority, priority},
    scope::{Scope, carry, spawn},
    trace::{InvalidTraceParent, TraceParent, trace_parent},
};
#[cfg(feature = "correlation-id")]
pub(crate) use self::{
    attempt::read_attempt,
    b3::{has_b3, read_b3},
    current::{Entered, enter},
};
pub(crate) use self::{
    attempt::{PREVIOUS_ATTEMPTS, RETRY_ATTEMPT},
    priority::{PRIORITY, prioritized},
};
