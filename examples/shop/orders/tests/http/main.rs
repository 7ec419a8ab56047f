//! The order service from outside, with real payments and inventory on real sockets.

mod cancel;
mod idempotency;
mod outage;
mod refusals;
mod shop;
