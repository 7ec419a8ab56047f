//! What a service goes through, end to end: orders that a saga confirms, an outbox that tells of it, a
//! bus, a consumer that acts on it. Each test breaks something in the middle. Then nothing is lost,
//! nothing is done twice, and all goes on by itself.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod disk;
mod killed;
#[cfg(feature = "nats")]
mod nats;
mod plan;
mod poison;
mod postgres;
mod server;
mod shop;
