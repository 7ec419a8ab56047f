use std::time::Duration;

use futures_util::{
    StreamExt,
    future::try_join_all,
    stream::{SelectAll, select_all},
};
use lapin::{
    Channel, Consumer,
    message::Delivery as Message,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::{sync::watch, time::timeout};

use super::{
    RabbitMqConfig,
    connect::{Link, connect},
    topology,
};
use crate::{
    BoxError,
    bus::{BusError, Types},
};

/// How often a silent channel is looked at: not every end of a connection reaches its consumers.
const LOOK: Duration = Duration::from_secs(5);

/// What a member has while its connection lasts. Dropped, the connection is closed, and the server
/// gives to others whatever was not acknowledged, also what a handler still holds.
pub(super) struct Session {
    _connection: Link,
    channel: Channel,
    arriving: SelectAll<Consumer>,
    /// Closed with the session.
    open: watch::Sender<()>,
}

impl Session {
    pub(super) async fn open(
        config: &RabbitMqConfig,
        group: &str,
        types: &Types,
    ) -> Result<Self, BusError> {
        let connection = connect(config).await?;
        let opened = async {
            topology::declare_bus(&topology::open(&connection).await?, config).await?;
            let channel = topology::declare_group(&connection, config, group, types).await?;
            let consumers = consume(&channel, config, group)
                .await
                .map_err(BusError::unavailable)?;
            Ok((channel, consumers))
        };
        // Queues are made one after the other by a quorum each.
        let patience = config.timeout * (1 + config.partitions / 8);
        let (channel, consumers) = timeout(patience, opened)
            .await
            .map_err(BusError::unavailable)
            .flatten()?;
        Ok(Self {
            _connection: connection,
            channel,
            arriving: select_all(consumers),
            open: watch::Sender::new(()),
        })
    }

    /// The next message of any partition; an error is the end of the session.
    pub(super) async fn next(&mut self) -> Result<Message, BoxError> {
        loop {
            match timeout(LOOK, self.arriving.next()).await {
                Ok(Some(arrived)) => return Ok(arrived?),
                Ok(None) => return Err("the server ended the subscription".into()),
                Err(_) if self.channel.status().connected() => {}
                Err(_) => return Err("the channel is closed".into()),
            }
        }
    }

    /// Changes when the session ends.
    pub(super) fn ended(&self) -> watch::Receiver<()> {
        self.open.subscribe()
    }
}

/// One outstanding event a queue.
async fn consume(
    channel: &Channel,
    config: &RabbitMqConfig,
    group: &str,
) -> lapin::Result<Vec<Consumer>> {
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let consumers = (0..config.partitions).map(|partition| {
        channel.basic_consume(
            topology::queue(config, group, partition).into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
    });
    try_join_all(consumers).await
}
