use std::{fmt, sync::Arc};

use super::{RabbitMqConfig, member::Member, publisher::Publisher};
use crate::{
    Event,
    bus::{Backend, Boxed, BusError, Source, Types},
};

/// The backend; give it to [`Bus::new`](crate::Bus::new). See the [module](super).
pub struct RabbitMq {
    config: Arc<RabbitMqConfig>,
    publisher: Publisher,
}

impl RabbitMq {
    /// A bus there. It connects when it is first used, and makes the exchange if there is none.
    #[must_use]
    pub fn new(config: RabbitMqConfig) -> Self {
        Self {
            config: Arc::new(config),
            publisher: Publisher::default(),
        }
    }
}

impl Backend for RabbitMq {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(self.publisher.publish(&self.config, events))
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async {
            let member = Member::join(&self.config, group, types).await?;
            Ok(Box::new(member) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(self.publisher.ping(&self.config))
    }
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RabbitMq").field(&self.config).finish()
    }
}
