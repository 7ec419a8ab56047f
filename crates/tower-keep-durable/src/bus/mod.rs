//! Carries events from services to services.
//!
//! A bus has a fixed number of *partitions*. The key of an event decides its partition; an event
//! without a key goes where its id says. A *group* of subscribers (one service, however many
//! processes) reads each partition by one member at a time, one event at a time: that is what keeps
//! the order of a key, whatever carries it. An event is delivered until it is acknowledged, so a
//! handler may see it twice; that is what an inbox is for.
//!
//! [`Bus::publish`] returns once the bus has stored the events for good.

mod backend;
mod connect;
mod delivery;
mod error;
#[cfg(feature = "nats")]
mod escape;
mod handle;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
mod mode;
#[cfg(feature = "nats")]
pub mod nats;
mod partition;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
mod subscription;
pub mod table;
#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
mod wire;

pub use self::{
    backend::{Acknowledge, Backend, Boxed, Source},
    delivery::Delivery,
    error::BusError,
    handle::Bus,
    mode::Mode,
    partition::partition_of,
    subscription::{Subscription, Types},
};
