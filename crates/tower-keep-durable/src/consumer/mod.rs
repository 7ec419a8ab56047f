//! Runs a handler on what a bus delivers, and decides what becomes of each event.
//!
//! A handler is a tower service of events: an [`Inbox`](crate::Inbox), or anything else, with the
//! suite's layers around it. A [`Consumer`] subscribes as a group, has events handled several at a
//! time (of one key one at a time), keeps the bus informed while a handler runs, and ends each
//! delivery:
//!
//! | the service says | then |
//! |---|---|
//! | `Ok(())` | acknowledged |
//! | [`HandlerError::Poison`], or an [`InvalidEvent`](crate::event::InvalidEvent) | a [dead letter](crate::dead_letters) at once |
//! | any other error, or a panic | again after a backoff; after [`max_attempts`](ConsumerConfig::max_attempts) a dead letter |
//! | a [`Rejection`](tower_keep::rejection::Rejection) that says that nothing was done: an open breaker, a full bulkhead | again after its `retry_after`; no attempt is counted |
//!
//! Tries are counted in the database before they are made. So an event that takes the process down
//! with it ends as a dead letter too, however forgetful the bus is.
//!
//! ```
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//! use tower_keep::{bulkhead::BulkheadLayer, protocol::Plain, timeout::TimeoutLayer};
//! use tower_keep_durable::{Bus, Consumer, Db, Inbox, bus::Types, consumer, inbox::Handler};
//!
//! # async fn serve(url: &str, bus: Bus, reserve: impl Handler) -> Result<(), tower_keep_durable::BoxError> {
//! let db = Db::open(url, &consumer::SCHEMAS).await?; // and the service's own
//! let handler = ServiceBuilder::new()
//!     .layer(BulkheadLayer::new(8).plain())
//!     .layer(TimeoutLayer::new(Duration::from_secs(10)).plain())
//!     .service(Inbox::new(db.clone(), reserve));
//! let consumer = Consumer::new(db, bus, "inventory", Types::of(["shop.order.*"]), handler);
//! consumer.run(async { let _ = tokio::signal::ctrl_c().await; }).await;
//! # Ok(()) }
//! ```
//!
//! A circuit breaker or a retry layer should know that poison is nobody's failure and stays poison:
//! give it `.plain().with_protocol(Plain::new().classify(consumer::verdict))`.
//!
//! # When not
//!
//! For what may be missed: subscribe to the [`Bus`](crate::Bus) and acknowledge.

mod admit;
mod attempt;
mod beat;
mod config;
mod deliver;
mod failure;
mod letters;
mod runner;
mod schema;
mod shared;

pub use self::{
    config::ConsumerConfig,
    deliver::Outcome,
    failure::verdict,
    letters::Worked,
    runner::Consumer,
    schema::{SCHEMA, SCHEMAS},
    shared::ConsumerError,
};
#[cfg(doc)]
use crate::inbox::HandlerError;
