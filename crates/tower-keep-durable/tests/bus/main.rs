//! What every bus must keep, whatever carries it: one suite, called by each backend. The brokers' need
//! the features of their clients: `--all-features`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod commits;
#[cfg(all(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
mod connect;
#[cfg(any(feature = "nats", feature = "rabbitmq"))]
mod cut;
#[cfg(feature = "kafka")]
mod kafka;
mod killed;
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod suite;
mod table;
mod tables;
mod unwanted;
