//! The crate from outside, on SQLite files and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[macro_use]
mod support;

mod consumer;
mod dead_letters;
mod effects;
mod event;
mod event_store;
mod flow;
mod idempotency;
mod layers;
mod observe;
mod open;
mod outbox;
mod projection;
mod saga;
