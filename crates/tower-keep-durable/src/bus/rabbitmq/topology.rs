//! What must be on the server. Declaring what is there already changes nothing.

use futures_util::future::try_join_all;
use lapin::{
    Channel, Connection, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use super::RabbitMqConfig;
use crate::bus::{BusError, Types};

/// PRECONDITION_FAILED: what is there is of another kind.
const DIFFERS: u16 = 406;

/// After how many attempts the server drops an event: never. Asked for as a number, since without one
/// RabbitMQ 4 takes 20, and since only queues with a limit put back at the front what is refused.
const NO_LIMIT: i32 = i32::MAX;

/// The longest routing key that AMQP takes.
pub(super) const LONGEST_KEY: usize = 255;

/// The routing key of a type.
pub(super) fn key(partition: u32, kind: &str) -> String {
    format!("{partition}.{kind}")
}

/// The key that a queue is bound with: it lets through what is wanted, and may let through more.
fn pattern(partition: u32, wanted: &str) -> String {
    let kind = match wanted.strip_suffix('*') {
        None => wanted.to_owned(),
        Some(prefix) => match prefix.strip_suffix('.') {
            Some(whole) if !whole.is_empty() => format!("{whole}.#"),
            _ => "#".to_owned(),
        },
    };
    key(partition, &kind)
}

pub(super) fn queue(config: &RabbitMqConfig, group: &str, partition: u32) -> String {
    format!("{}.{group}.{partition}", config.bus)
}

/// The exchange, and a queue without messages that remembers how many partitions there are.
pub(super) async fn declare_bus(
    channel: &Channel,
    config: &RabbitMqConfig,
) -> Result<(), BusError> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let RabbitMqConfig {
        bus, partitions, ..
    } = config;
    channel
        .exchange_declare(
            bus.clone().into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await
        .map_err(BusError::unavailable)?;
    // The server compares the arguments of queues, not those of exchanges.
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongUInt(*partitions));
    let marked = channel
        .queue_declare(
            format!("{bus}.partitions").into(),
            durable_queue(),
            arguments,
        )
        .await;
    marked.map(drop).map_err(|error| {
        if differs(&error) {
            BusError::Misconfigured(format!(
                "partitions: the bus {bus} has not {partitions}; give it as many as it has, or another name"
            ))
        } else {
            BusError::unavailable(error)
        }
    })
}

/// The queues of a group. Returns the channel to go on with.
pub(super) async fn declare_group(
    connection: &Connection,
    config: &RabbitMqConfig,
    group: &str,
    types: &Types,
) -> Result<Channel, BusError> {
    let longest = queue(config, group, config.partitions);
    if longest.len() > LONGEST_KEY {
        let most = LONGEST_KEY;
        return Err(BusError::Misconfigured(format!(
            "group: the queue {longest} has more than {most} bytes"
        )));
    }
    let channel = open(connection).await?;
    let declared = (0..config.partitions).map(|partition| {
        let queue = queue(config, group, partition);
        let channel = &channel;
        async move {
            channel
                .queue_declare(queue.clone().into(), durable_queue(), quorum())
                .await?;
            for wanted in types.iter() {
                channel
                    .queue_bind(
                        queue.clone().into(),
                        config.bus.clone().into(),
                        pattern(partition, wanted).into(),
                        QueueBindOptions::default(),
                        FieldTable::default(),
                    )
                    .await?;
            }
            Ok::<_, lapin::Error>(())
        }
    });
    try_join_all(declared)
        .await
        .map_err(BusError::unavailable)?;
    Ok(channel)
}

pub(super) async fn open(connection: &Connection) -> Result<Channel, BusError> {
    connection
        .create_channel()
        .await
        .map_err(BusError::unavailable)
}

fn durable_queue() -> QueueDeclareOptions {
    QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    }
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(NO_LIMIT));
    arguments
}

fn differs(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == DIFFERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_lets_through_all_that_is_wanted() {
        assert_eq!(pattern(3, "*"), "3.#");
        assert_eq!(pattern(3, "a.b"), "3.a.b");
        assert_eq!(pattern(3, "a.*"), "3.a.#");
        assert_eq!(pattern(3, "a.b*"), "3.#");
    }
}
