use std::sync::Arc;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use futures_util::future::try_join_all;

use super::{connection::Connection, subject};
use crate::bus::{BusError, Types};

/// The consumers of a group by partition, which its first member makes.
pub(super) async fn consumers(
    at: &Arc<Connection>,
    group: &str,
    types: &Types,
) -> Result<Vec<Consumer<pull::Config>>, BusError> {
    let config = &at.config;
    let jetstream = at.jetstream().await?;
    let made = (0..config.partitions).map(|partition| {
        let consumer = pull::Config {
            durable_name: Some(subject::consumer(group, partition)),
            deliver_policy: DeliverPolicy::New,
            ack_policy: AckPolicy::Explicit,
            ack_wait: config.lease,
            // Never: a dead letter is for the consumer to keep, here it would be lost.
            max_deliver: -1,
            // Order, and one member at a time, come from this.
            max_ack_pending: 1,
            filter_subject: subject::filter(&config.bus, partition, types),
            ..pull::Config::default()
        };
        jetstream.create_consumer_on_stream(consumer, &config.bus)
    });
    try_join_all(made).await.map_err(BusError::unavailable)
}
