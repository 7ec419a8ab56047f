use std::sync::Arc;

use super::{Backend, BusError, Subscription, Types};
use crate::Event;

/// A bus, whatever carries it. Clones are the same bus.
#[derive(Debug, Clone)]
pub struct Bus {
    backend: Arc<dyn Backend>,
}

impl Bus {
    /// A bus on a backend, ours or yours.
    #[must_use]
    pub fn new(backend: impl Backend) -> Self {
        Self {
            backend: Arc::new(backend),
        }
    }

    /// Publishes the events in this order; returns once the bus has stored all of them for good.
    ///
    /// Cancelled, some may have been published.
    ///
    /// # Errors
    /// The bus does not answer, or refuses one of them. Some may have been published: publish all of
    /// them again, consumers must bear duplicates anyway.
    pub async fn publish(&self, events: &[Event]) -> Result<(), BusError> {
        for event in events {
            // Before the first is stored: what nobody can read would block its partition.
            event.check().map_err(|error| BusError::Refused {
                id: event.id().to_owned(),
                reason: error.to_string(),
            })?;
        }
        self.backend.publish(events).await
    }

    /// Joins `group`, to get the events of `types`. The name is the identity of what reads: another
    /// name is another reader, which starts with what is published from then on.
    ///
    /// # Errors
    /// The bus does not answer.
    pub async fn subscribe(&self, group: &str, types: &Types) -> Result<Subscription, BusError> {
        let source = self.backend.subscribe(group, types).await?;
        Ok(Subscription::new(source))
    }

    /// Whether the bus answers; a check for readiness.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), BusError> {
        self.backend.ping().await
    }
}
