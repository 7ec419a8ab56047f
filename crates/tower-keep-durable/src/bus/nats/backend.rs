use std::{fmt, sync::Arc};

use super::{NatsConfig, connection::Connection, member::Member, publish::publish};
use crate::{
    Event,
    bus::{Backend, Boxed, BusError, Source, Types},
};

/// The backend; give it to [`Bus::new`](crate::Bus::new). See the [module](super).
pub struct Nats {
    at: Arc<Connection>,
}

impl Nats {
    /// A bus there. It connects when it is first used, and makes the stream if there is none.
    #[must_use]
    pub fn new(config: NatsConfig) -> Self {
        Self {
            at: Connection::new(config),
        }
    }
}

impl Backend for Nats {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(publish(&self.at, events))
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async {
            let member = Member::join(&self.at, group, types).await?;
            Ok(Box::new(member) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(self.at.ping())
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Nats").field(&self.at.config).finish()
    }
}
