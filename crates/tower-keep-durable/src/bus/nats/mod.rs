//! The bus on NATS JetStream: small to run, the first to take when one host is not enough.
//!
//! A bus is one stream in files, with a subject for each partition and type
//! (`shop.3.shop.order.placed.v1`); a group has a durable consumer for each partition, which holds
//! back everything else while one event is outstanding. JetStream counts the attempts. The client
//! connects again by itself.
//!
//! Not for you if events must be kept for good (give the stream limits, or none, with `nats stream
//! edit`), or if one partition must take more than some thousand events a second: within a partition
//! an event is sent when the one before it is confirmed, since only that keeps their order when a
//! connection breaks in between.
//!
//! A member asks one partition after the other and takes no event that nobody has asked for, so that
//! others get what a busy one has no hands for. Only when none has anything it asks all at once and
//! waits.
//!
//! An event that is published twice within two minutes is stored once (`Nats-Msg-Id`). All members of a
//! group must ask for the same types: the latest decides what the server sends.
//!
//! ```no_run
//! use tower_keep_durable::{Bus, bus::nats::{Nats, NatsConfig}};
//!
//! let bus = Bus::new(Nats::new(NatsConfig {
//!     partitions: 32,
//!     ..NatsConfig::new("nats://127.0.0.1:4222", "shop")
//! }));
//! ```

mod asking;
mod backend;
mod config;
mod connection;
mod consumers;
mod hold;
mod member;
mod publish;
mod subject;

pub use self::{backend::Nats, config::NatsConfig};
