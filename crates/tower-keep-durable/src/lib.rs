//! The durable companion of [tower-keep](tower_keep): what a service must not forget.
//!
//! A layer protects a call; this crate protects what the calls are about. Everything is kept in the
//! service's own database (SQLite or PostgreSQL, the same queries) and written in the caller's own
//! transaction, so that state and what is told of it cannot come apart.
//!
//! | room | what it is for |
//! |---|---|
//! | [`event`] | what happened, as a [CloudEvents 1.0](https://cloudevents.io) envelope |
//! | [`bus`] | carries events between services: embedded, or a real broker |
//! | [`idempotency`] | a request that comes twice is done once: key, effect and answer in one transaction |
//! | [`event_store`] | what happened instead of what is: streams, versions, snapshots |
//! | [`outbox`] | an event is written with the state it tells of, and published afterwards |
//! | [`saga`] | a business transaction over several services, done or undone whatever fails |
//! | [`inbox`] | an event that is delivered twice is handled once |
//! | [`consumer`] | runs a handler on what a bus delivers, and ends each delivery |
//! | [`dead_letters`] | what could not be handled waits in order until somebody decides |
//! | [`projection`] | read models made of the event store, rebuilt beside the live ones |
//! | [`db`] | one set of queries for two databases, migrations, the clock |
//!
//! # What is seen of it
//!
//! Logs and spans go to [`tracing`](https://docs.rs/tracing), target `tower_keep_durable`:
//!
//! | span | around | fields |
//! |---|---|---|
//! | `saga_attempt` | one try of a step or of its undo | `saga`, `plan`, `id`, `step`, `verb`, `attempt`, `outcome` as the saga's log has it, or `lost` |
//! | `handle_event` | one delivery, from its arrival to its end | `consumer`, `id`, `source`, `kind`, `delivery`, `outcome` |
//! | `relay_batch` | a batch of the outbox | `events`, `sent`, `refused`, `outcome` |
//!
//! The first two have `correlation_id`, and `trace_id` and `parent_id` in hexadecimal where the saga or
//! the event came with a `traceparent`: `tracing` knows no parents in other processes, so a bridge to a
//! tracer takes them from there.
//!
//! With the feature `metrics`, through the [`metrics`](https://docs.rs/metrics) facade, beside the
//! gauges that the rooms name:
//!
//! | metric | labels | what |
//! |---|---|---|
//! | `tower_keep_saga_attempt_seconds` | `saga`, `step`, `event` | histogram, how long a try took |
//! | `tower_keep_saga_seconds` | `saga`, `status` | histogram, from the start of a saga until it ended or was parked |
//! | `tower_keep_event_handle_seconds` | `consumer`, `outcome`: `handled`, `failed`, `poison`, `not_sent`, `taken_over` | histogram, how long a handler took |
//! | `tower_keep_outbox_publish_seconds` | `outcome`: `confirmed`, `unavailable` | histogram, how long the bus took to confirm a batch |
//! | `tower_keep_saga_steps_total` | `saga`, `event` | counter, tries whose end was written |
//! | `tower_keep_sagas_total` | `saga`, `status` | counter, sagas that ended or were parked |
//!
//! Whatever runs in the background here is safe to drop or kill at any point: the next one to run
//! goes on where the last commit was.

pub mod bus;
mod common;
pub mod consumer;
pub mod db;
pub mod dead_letters;
pub mod event;
pub mod event_store;
pub mod idempotency;
pub mod inbox;
mod observe;
pub mod outbox;
pub mod projection;
pub mod saga;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::{
    bus::Bus,
    consumer::Consumer,
    db::{Clock, Db, Tx},
    dead_letters::DeadLetters,
    event::Event,
    inbox::Inbox,
    outbox::Outbox,
};

/// An error of any kind, as tower's own services have it.
pub type BoxError = tower_keep::BoxError;
