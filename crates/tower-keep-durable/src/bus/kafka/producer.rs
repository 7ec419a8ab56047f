use rdkafka::{
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig},
    types::RDKafkaErrorCode,
};
use tokio::sync::{Mutex, OnceCell};

use super::{KafkaConfig, topic};
use crate::{
    Event,
    bus::{
        BusError, partition_of,
        wire::{self, Message},
    },
    event::Binding,
    observe,
};

/// Publishes with one producer, which is made when it is first needed and after every failure.
#[derive(Default)]
pub(super) struct Producer {
    topic: OnceCell<()>,
    kept: Mutex<Option<FutureProducer>>,
}

impl Producer {
    /// The topic is there.
    pub(super) async fn topic(&self, config: &KafkaConfig) -> Result<(), BusError> {
        self.topic
            .get_or_try_init(|| topic::ensure(config))
            .await
            .map(drop)
    }

    /// Sends all at once; the idempotent producer keeps their order and stops at the first that fails.
    pub(super) async fn publish(
        &self,
        config: &KafkaConfig,
        events: &[Event],
    ) -> Result<(), BusError> {
        let outgoing: Vec<_> = events
            .iter()
            .map(|event| outgoing(config, event))
            .collect::<Result<_, _>>()?;
        self.topic(config).await?;
        // Taken, not borrowed: cancelled half way, the producer is not used again.
        let mut kept = self.kept.lock().await;
        let producer = match kept.take() {
            Some(producer) => producer,
            None => producer(config)?,
        };
        let sent = send(config, &producer, &outgoing).await;
        match sent {
            Ok(()) => *kept = Some(producer),
            Err(_) => {
                // What it has not sent must not come behind what is published next.
                producer.purge(PurgeConfig::default().queue().inflight());
                tokio::task::spawn_blocking(move || drop(producer));
            }
        }
        sent.map_err(|(number, error)| match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge) => {
                BusError::Refused {
                    id: events[number].id().to_owned(),
                    reason: error.to_string(),
                }
            }
            error => {
                observe::reconnecting(&config.bus, &error);
                BusError::unavailable(error)
            }
        })
    }
}

/// An event as it is sent.
struct Outgoing {
    partition: i32,
    key: Option<String>,
    message: Message,
}

fn outgoing(config: &KafkaConfig, event: &Event) -> Result<Outgoing, BusError> {
    let message = wire::encode(event, config.mode, Binding::KAFKA);
    let key = event.key().map(str::to_owned);
    // The rest of a record: lengths and a time.
    let bytes = message.size() + key.as_ref().map_or(0, String::len) + 200;
    let most = config.event_bytes;
    if bytes > most {
        return Err(BusError::Refused {
            id: event.id().to_owned(),
            reason: format!("{bytes} bytes, at most {most}"),
        });
    }
    let partition = partition_of(event, config.partitions);
    Ok(Outgoing {
        partition: i32::try_from(partition).unwrap_or(i32::MAX),
        key,
        message,
    })
}

fn producer(config: &KafkaConfig) -> Result<FutureProducer, BusError> {
    let timeout = config.timeout.as_millis().to_string();
    let bytes = config.event_bytes.to_string();
    config
        .client(&[
            ("enable.idempotence", "true"),
            // Else the second of two could arrive although the first has timed out.
            ("enable.gapless.guarantee", "true"),
            ("acks", "all"),
            ("message.timeout.ms", &timeout),
            ("message.max.bytes", &bytes),
            // A batch is sent at once: whoever publishes one event waits for it.
            ("linger.ms", "0"),
        ])
        .create()
        .map_err(|error| BusError::Misconfigured(error.to_string()))
}

/// Which of them failed, and why.
async fn send(
    config: &KafkaConfig,
    producer: &FutureProducer,
    events: &[Outgoing],
) -> Result<(), (usize, KafkaError)> {
    let mut sent = Vec::with_capacity(events.len());
    for (number, event) in events.iter().enumerate() {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &event.message.headers {
            let value = Some(value);
            headers = headers.insert(Header { key, value });
        }
        let mut record = FutureRecord::to(&config.bus)
            .partition(event.partition)
            .headers(headers);
        // In binary mode, no data is no value.
        if !event.message.body.is_empty() {
            record = record.payload(&*event.message.body);
        }
        if let Some(key) = &event.key {
            record = record.key(key);
        }
        sent.push(
            producer
                .send_result::<String, [u8]>(record)
                .map_err(|(error, _)| (number, error))?,
        );
    }
    for (number, confirmed) in sent.into_iter().enumerate() {
        match confirmed.await {
            Ok(Ok(_)) => {}
            Ok(Err((error, _))) => return Err((number, error)),
            Err(_) => return Err((number, KafkaError::Canceled)),
        }
    }
    Ok(())
}
