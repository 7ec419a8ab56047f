//! The layers in the order that works, with defaults that work together.
//!
//! # Why
//!
//! Every layer is easy; ten of them in the right order, with timeouts that fit each other, are not. A
//! timeout inside retry that is not shorter than the one outside never retries anything. A queue that
//! waits longer than the deadline makes every answer late and none right. [`ServerStack`] and
//! [`ClientStack`] fix the order by their types, whatever order they are filled in, bring
//! [presets](ServerStack::api), say [what is in force](ServerStack::describe), and
//! [refuse](ServerStack::lint) what is known to go wrong, with the remedy.
//!
//! A stack is plain data, so it may come from a file. A layer that is not wanted is
//! [switched off](crate::config), not left out: the type stays the same, and the handle can switch it
//! on while calls run. On a server calls pass by `decision`, `rate_limit`, `load_shed` and `bulkhead` as
//! long as all four are off, at no cost; so a bulkhead that is switched on does not know of the calls
//! that run already.
//!
//! # When not
//!
//! Where you want another order: take the layers and `tower::ServiceBuilder`. The stacks use nothing
//! that you cannot.
//!
//! # Where in the stack
//!
//! | [`ServerStack`], outside in | [`ClientStack`], outside in |
//! |---|---|
//! | `decision` (off) | `timeout`: the whole call |
//! | `correlation_id` | `idempotency_key` (off): writes may be retried |
//! | `timeout` | `retry` |
//! | `rate_limit` (off) | `hedge` (off), from retry's budget |
//! | `load_shed` (off) | `correlation_id`: goes along |
//! | `adaptive` | `throttle` (off) |
//! | `bulkhead` (off) | `rate_limit` (off) |
//! | `catch_panic` | `circuit_breaker` |
//! | | `adaptive` (off) |
//! | | `bulkhead` |
//! | | `attempt_timeout` |
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_keep::{bulkhead::BulkheadConfig, stack::ServerStack};
//!
//! # fn main() -> Result<(), tower_keep::stack::Refused> {
//! let stack = ServerStack::api().named("orders").bulkhead(BulkheadConfig::new(200));
//! println!("{}", stack.describe());
//! let layer = stack.layer()?;
//! let bulkhead = layer.bulkhead.handle();
//! let app: Router = Router::new().route("/", get(|| async { "hi" })).layer(layer);
//! # Ok(())
//! # }
//! ```

mod body;
mod client;
mod client_layer;
mod client_lints;
mod describe;
mod lint;
mod server;
mod server_body;
mod server_layer;
mod server_lints;
mod server_service;
#[cfg(test)]
mod tests;

pub use self::{
    body::{ClientBody, SameClientBody, ToClientBody},
    client::ClientStack,
    client_layer::{AttemptService, ClientLayer, ClientService},
    lint::{Lint, Refused, Severity},
    server::ServerStack,
    server_body::ServerBody,
    server_layer::ServerLayer,
    server_service::{ServerFuture, ServerService},
};
