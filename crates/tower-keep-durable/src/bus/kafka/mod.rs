//! The bus on Kafka, for who runs it already or keeps events for long.
//!
//! A bus is a topic; the partitions of the bus are those of the topic, and a group is a consumer group.
//! The producer is idempotent and waits for all replicas. The client connects again by itself.
//!
//! Not for you if it must be light: the feature builds librdkafka with make and a C compiler, once.
//!
//! - Kafka counts no attempts: they are counted while a member has the partition, and begin again at 1
//!   after a takeover or a restart.
//! - What was acknowledged is committed within about a second, and when a member leaves. A member that
//!   is killed has what it did in that second delivered again.
//! - A member that joins or leaves moves partitions: a delivery whose handler takes longer than
//!   [`KafkaConfig::handover`] is then given to another, and its ack says
//!   [`TakenOver`](crate::bus::BusError::TakenOver). A member that dies is noticed after Kafka's
//!   `session.timeout.ms` (45 s).
//! - The types are filtered by the client, so a group reads the whole topic.
//!
//! ```no_run
//! use tower_keep_durable::{Bus, bus::kafka::{Kafka, KafkaConfig}};
//!
//! let bus = Bus::new(Kafka::new(KafkaConfig {
//!     settings: vec![("security.protocol".into(), "ssl".into())],
//!     ..KafkaConfig::new("127.0.0.1:9092", "shop")
//! }));
//! ```

mod backend;
mod config;
mod context;
mod hold;
mod lane;
mod member;
mod producer;
mod reader;
mod shared;
mod topic;

pub use self::{backend::Kafka, config::KafkaConfig};
