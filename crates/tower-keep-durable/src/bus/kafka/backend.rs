use std::fmt;

use super::{KafkaConfig, member::Member, producer::Producer, topic};
use crate::{
    Event,
    bus::{Backend, Boxed, BusError, Source, Types},
};

/// The backend; give it to [`Bus::new`](crate::Bus::new). See the [module](super).
pub struct Kafka {
    config: KafkaConfig,
    producer: Producer,
}

impl Kafka {
    /// A bus there. It connects when it is first used, and makes the topic if there is none.
    #[must_use]
    pub fn new(config: KafkaConfig) -> Self {
        Self {
            config,
            producer: Producer::default(),
        }
    }
}

impl Backend for Kafka {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(self.producer.publish(&self.config, events))
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async {
            self.producer.topic(&self.config).await?;
            let member = Member::join(&self.config, group, types).await?;
            Ok(Box::new(member) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(topic::ensure(&self.config))
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kafka").field(&self.config).finish()
    }
}
