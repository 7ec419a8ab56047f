//! The order service from outside, with real payments and inventory on real sockets.

#![expect(clippy::unwrap_used, reason = "a test ends where its shop breaks")]

mod cancel;
mod correlation;
mod edge;
mod health;
mod idempotency;
mod list;
mod outage;
mod process;
mod refusals;
mod shop;
