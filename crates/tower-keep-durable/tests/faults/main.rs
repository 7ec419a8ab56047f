//! What a service goes through, end to end: orders that a saga confirms, an outbox that tells of it, a
//! bus, a consumer that acts on it. Each test breaks something in the middle. Then nothing is lost,
//! nothing is done twice, and all goes on by itself.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[cfg(any(feature = "nats", feature = "rabbitmq"))]
mod broker;
mod cluster;
mod disk;
mod killed;
#[cfg(feature = "nats")]
mod nats;
mod plan;
mod poison;
mod postgres;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod server;
mod shop;
