use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{sync::Mutex, time::timeout};

use super::{
    RabbitMqConfig,
    connect::{Link, connect},
    headers, topology,
};
use crate::{
    Event,
    bus::{
        BusError, partition_of,
        wire::{self, Message},
    },
    event::Binding,
    observe,
};

/// Publishes on one channel, which is made when it is first needed and after every failure.
#[derive(Default)]
pub(super) struct Publisher {
    line: Mutex<Option<Line>>,
}

/// A channel that confirms, and the connection that it is on.
struct Line {
    channel: Channel,
    _connection: Link,
}

/// An event as it is sent.
struct Outgoing {
    key: String,
    content_type: Option<String>,
    message: Message,
    id: String,
}

impl Publisher {
    /// Sends all at once on one channel, which keeps their order; whatever breaks, breaks the channel,
    /// so that what was stored is what was sent first.
    pub(super) async fn publish(
        &self,
        config: &RabbitMqConfig,
        events: &[Event],
    ) -> Result<(), BusError> {
        let outgoing: Vec<_> = events
            .iter()
            .map(|event| outgoing(config, event))
            .collect::<Result<_, _>>()?;
        // Taken, not borrowed: cancelled half way, the channel is not used again.
        let mut kept = self.line.lock().await;
        let line = match kept.take() {
            Some(line) if line.channel.status().connected() => line,
            _ => Line::open(config).await?,
        };
        let sent = timeout(config.timeout, line.send(config, outgoing)).await;
        match sent.map_err(BusError::unavailable).flatten() {
            Ok(()) => {
                *kept = Some(line);
                Ok(())
            }
            Err(error) => {
                observe::reconnecting(&config.bus, &error);
                Err(error)
            }
        }
    }

    /// Asks the server for something.
    pub(super) async fn ping(&self, config: &RabbitMqConfig) -> Result<(), BusError> {
        let mut kept = self.line.lock().await;
        let line = match kept.take() {
            Some(line) if line.channel.status().connected() => line,
            _ => Line::open(config).await?,
        };
        let asked = timeout(config.timeout, topology::declare_bus(&line.channel, config));
        asked.await.map_err(BusError::unavailable).flatten()?;
        *kept = Some(line);
        Ok(())
    }
}

impl Line {
    async fn open(config: &RabbitMqConfig) -> Result<Self, BusError> {
        let connection = connect(config).await?;
        let opened = async {
            let channel = topology::open(&connection).await?;
            topology::declare_bus(&channel, config).await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .map_err(BusError::unavailable)?;
            Ok(channel)
        };
        let channel = timeout(config.timeout, opened)
            .await
            .map_err(BusError::unavailable)
            .flatten()?;
        Ok(Self {
            channel,
            _connection: connection,
        })
    }

    async fn send(&self, config: &RabbitMqConfig, events: Vec<Outgoing>) -> Result<(), BusError> {
        let mut confirms = Vec::with_capacity(events.len());
        for event in events {
            let mut properties = BasicProperties::default()
                .with_delivery_mode(2) // to disk
                .with_headers(headers::table(event.message.headers))
                .with_message_id(event.id.into());
            if let Some(content_type) = event.content_type {
                properties = properties.with_content_type(content_type.into());
            }
            let confirm = self.channel.basic_publish(
                config.bus.clone().into(),
                event.key.into(),
                BasicPublishOptions::default(),
                &event.message.body,
                properties,
            );
            confirms.push(confirm.await.map_err(BusError::unavailable)?);
        }
        let ended = try_join_all(confirms)
            .await
            .map_err(BusError::unavailable)?;
        if ended.iter().any(Confirmation::is_nack) {
            // Such as a queue that has lost its majority.
            return Err(BusError::unavailable("the server could not store an event"));
        }
        Ok(())
    }
}

fn outgoing(config: &RabbitMqConfig, event: &Event) -> Result<Outgoing, BusError> {
    let refused = |reason: String| BusError::Refused {
        id: event.id().to_owned(),
        reason,
    };
    let key = topology::key(partition_of(event, config.partitions), event.kind());
    let most = topology::LONGEST_KEY;
    if key.len() > most {
        return Err(refused(format!(
            "its type and partition have {} bytes, at most {most}",
            key.len()
        )));
    }
    let message = wire::encode(event, config.mode, Binding::AMQP);
    let (size, most) = (message.size(), config.event_bytes);
    if size > most {
        return Err(refused(format!("{size} bytes, at most {most}")));
    }
    let (content_type, message) = message.parted();
    if content_type.as_ref().is_some_and(|kind| kind.len() > 255) {
        return Err(refused(
            "datacontenttype: has more than 255 bytes".to_owned(),
        ));
    }
    // For people who look at the queue; nothing here rests on it.
    let id = Some(event.id()).filter(|id| id.len() <= 255);
    Ok(Outgoing {
        key,
        content_type,
        message,
        id: id.unwrap_or_default().to_owned(),
    })
}
