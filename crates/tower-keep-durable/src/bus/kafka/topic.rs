use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

use super::KafkaConfig;
use crate::bus::BusError;

/// Sees to it that the topic is there with as many partitions as the bus has.
pub(super) async fn ensure(config: &KafkaConfig) -> Result<(), BusError> {
    let KafkaConfig {
        bus, partitions, ..
    } = config;
    let right = i32::try_from(*partitions).ok().filter(|count| *count > 0);
    let wanted = right.ok_or_else(|| {
        BusError::Misconfigured(format!("partitions: not {partitions}, but 1 to 2^31"))
    })?;
    let mut there = count(config).await?;
    if there == 0 {
        make(config, wanted).await?;
        // Zero is what brokers that do not know of it yet say.
        there = count(config).await?;
    }
    if there == 0 {
        Err(BusError::unavailable("the topic is not there yet"))
    } else if there == *partitions as usize {
        Ok(())
    } else {
        Err(BusError::Misconfigured(format!(
            "partitions: the topic {bus} has {there}, not {partitions}; give the bus that many, or another name"
        )))
    }
}

/// How many partitions it has; a consumer asks, since for a producer the brokers might make it.
async fn count(config: &KafkaConfig) -> Result<usize, BusError> {
    let (client, bus, timeout) = (config.client(&[]), config.bus.clone(), config.timeout);
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create()?;
        consumer
            .fetch_metadata(Some(&bus), timeout)
            .map(|metadata| {
                let topic = metadata.topics().iter().find(|topic| topic.name() == bus);
                topic.map_or(0, |topic| topic.partitions().len())
            })
    });
    asked
        .await
        .map_err(BusError::unavailable)?
        .map_err(BusError::unavailable)
}

async fn make(config: &KafkaConfig, partitions: i32) -> Result<(), BusError> {
    let admin: AdminClient<DefaultClientContext> =
        config.client(&[]).create().map_err(BusError::unavailable)?;
    let replicas = TopicReplication::Fixed(config.replicas);
    let topic = NewTopic::new(&config.bus, partitions, replicas);
    let options = AdminOptions::new().operation_timeout(Some(config.timeout));
    let made = admin
        .create_topics([&topic], &options)
        .await
        .map_err(BusError::unavailable)?;
    for result in made {
        match result {
            Ok(_) | Err((_, rdkafka::types::RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, error)) => {
                return Err(BusError::unavailable(format!(
                    "cannot make {topic}: {error}"
                )));
            }
        }
    }
    Ok(())
}
