//! The bus on RabbitMQ, for who runs it already.
//!
//! A bus is a durable topic exchange; a group has a quorum queue for each partition, read by one
//! *single active consumer* that is given one event at a time. RabbitMQ counts the attempts. Events
//! are confirmed by the broker; what no group wants is confirmed and forgotten.
//!
//! Not for you if the members of a group must share its work at all times: the first to come reads all
//! partitions, the others stand by until it leaves. Nor if a handler may take longer than the server's
//! `consumer_timeout` (30 min): AMQP has no way to say that it still works, so the server takes the
//! event away.
//!
//! - A delay of [`nack`](crate::bus::Delivery::nack) is waited for in the client, at most 10 min; it
//!   ends early when the member leaves.
//! - A broken connection gives every outstanding delivery back; the next call connects again.
//! - The groups keep what they were ever bound to: a type that is no longer asked for is passed over
//!   by the client.
//! - RabbitMQ writes down a few seconds late which quorum queues it has made. A node that is killed before
//!   that never finds a leader for them again (rabbitmq-server [#10070], [#15725]; seen on 3.10.8, a single
//!   node): the group and whoever publishes to it wait until somebody deletes the queue. Let the groups
//!   join before there is anything to lose, and look at `rabbitmq-queues quorum_status`.
//! - The queues have a delivery limit that no event reaches: without one, RabbitMQ puts what was
//!   refused behind the others. Keep it if you set policies.
//!
//! [#10070]: https://github.com/rabbitmq/rabbitmq-server/issues/10070
//! [#15725]: https://github.com/rabbitmq/rabbitmq-server/issues/15725
//!
//! ```no_run
//! use tower_keep_durable::{Bus, bus::rabbitmq::{RabbitMq, RabbitMqConfig}};
//!
//! let bus = Bus::new(RabbitMq::new(RabbitMqConfig::new("amqp://guest:guest@127.0.0.1:5672", "shop")));
//! ```

mod backend;
mod config;
mod connect;
mod headers;
mod hold;
mod member;
mod publisher;
mod session;
mod topology;

pub use self::{backend::RabbitMq, config::RabbitMqConfig};
