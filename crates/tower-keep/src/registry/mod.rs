//! All layers of a process by name: configured from one document, looked at and steered in one place,
//! and warm after a restart.
//!
//! ```
//! use tower_keep::{
//!     bulkhead::BulkheadLayer, circuit_breaker::CircuitBreakerLayer,
//!     registry::{Document, Registry},
//! };
//!
//! # fn main() -> Result<(), tower_keep::registry::RegistryError> {
//! let bulkhead = BulkheadLayer::new(100).named("api");
//! let breaker = CircuitBreakerLayer::new().named("payments");
//! let registry = Registry::new().with(bulkhead.handle()).with(breaker.handle());
//!
//! let report = registry.apply(Document::from_toml(r#"
//!     [defaults.circuit_breaker]      # for all of them
//!     open_for = "2s"
//!
//!     [bases.circuit_breaker.patient] # for those that say so
//!     consecutive_failures = 50
//!
//!     [circuit_breaker.payments]      # for this one
//!     inherit = "patient"
//!     unset = ["failure_rate"]
//!
//!     [bulkhead.api]
//!     max_queue = 20
//! "#)?)?;
//! assert_eq!(report.changed.len(), 2);
//! assert_eq!(bulkhead.handle().config().max_queue, 20);
//! # Ok(())
//! # }
//! ```
//!
//! # The document
//!
//! TOML or JSON, one table for each layer and name. What a layer was built with in code comes first;
//! over it are put the defaults for its kind, the bases that it inherits from, its own table, and
//! what [overrides](Registry::overridden_by) every document. So a configuration follows from code and
//! document alone, not from what was in force before: a line that is taken out again has no effect any
//! more. `unset` lists the fields that are to be left out, for TOML has no null.
//!
//! It is put into force as a whole or not at all. Every mistake in it is found and named with its path,
//! such as `bulkhead.api.max_queue`. What it says of layers that are not there is no mistake, because
//! they may come, but it is reported: it may be a slip of the pen. State is kept: a breaker that is
//! open stays open, and calls keep their places. [`EventKind::ConfigUpdated`] tells what is different.
//!
//! [`Registry::watch`] applies a file whenever it changes.
//!
//! # Warm start
//!
//! A deployment forgets which service is down, and every new process finds out by failing calls.
//! [`Registry::save`] gives what breakers and budgets know, as a serde type to keep wherever you like;
//! [`Registry::restore`] takes it over, each part as far as it still means anything at its age.
//!
//! # In a browser
//!
//! With the feature `axum`, [`Registry::router`] shows and steers it all over HTTP.
//!
//! [`EventKind::ConfigUpdated`]: crate::observe::EventKind::ConfigUpdated

#[cfg(feature = "axum")]
mod admin;
mod apply;
mod document;
mod entries;
mod environment;
mod error;
#[cfg(all(test, keep_loom))]
mod models;
mod resolve;
mod saved;
#[cfg(test)]
mod tests;
mod watch;

pub use self::{
    apply::{Applied, Changed},
    document::Document,
    entries::{Listed, Registry},
    error::RegistryError,
    saved::{Restored, Saved},
};
