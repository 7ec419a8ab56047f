//! The payment service from outside, with a real card network on real sockets.

#![expect(clippy::unwrap_used, reason = "a test ends where its services break")]

mod bank;
mod lost;
mod verbs;
mod webhooks;
