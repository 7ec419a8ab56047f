use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    super::{Backend, Boxed, Bus, BusError, Source, Types, partition_of},
    lane::Lane,
    member::Member,
};
use crate::Event;

/// What can be chosen of a memory bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryConfig {
    /// How many partitions there are: 16.
    pub partitions: u32,
    /// How long a delivery is left to a handler that says nothing: 30 s, as long as on NATS.
    pub lease: Duration,
    /// How many events may wait for a group before publishing fails: 100 000, so that a group that
    /// nobody reads does not eat all memory.
    pub waiting: usize,
    /// How many bytes an event may have as JSON: 1 MiB, as on NATS.
    pub event_bytes: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            partitions: 16,
            lease: Duration::from_secs(30),
            waiting: 100_000,
            event_bytes: 1 << 20,
        }
    }
}

/// The backend of [`Bus::memory`].
#[derive(Debug)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: MemoryConfig,
    groups: Mutex<HashMap<String, Vec<Lane>>>,
    /// Something may be ready that was not.
    pub(super) changed: Notify,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Lane>>> {
        // Nothing here panics half way through a change.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus {
    /// A bus in memory with the default configuration; see [`memory`](super).
    #[must_use]
    pub fn memory() -> Self {
        Self::new(Memory::new(MemoryConfig::default()))
    }
}

impl Memory {
    /// An empty bus.
    #[must_use]
    pub fn new(config: MemoryConfig) -> Self {
        Self {
            shared: Arc::new(Shared {
                config,
                groups: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    fn accept(&self, events: &[Event]) -> Result<(), BusError> {
        let Shared { config, .. } = &*self.shared;
        for event in events {
            let bytes = event.to_json().len();
            if bytes > config.event_bytes {
                return Err(BusError::Refused {
                    id: event.id().to_owned(),
                    reason: format!("{bytes} bytes, at most {}", config.event_bytes),
                });
            }
        }
        let mut groups = self.shared.lock();
        for (name, lanes) in &*groups {
            let waiting: usize = lanes.iter().map(Lane::len).sum();
            if waiting + events.len() > config.waiting {
                return Err(BusError::unavailable(format!(
                    "{waiting} events wait for the group {name} already, at most {}",
                    config.waiting
                )));
            }
        }
        for event in events {
            let event = Arc::new(event.clone());
            let partition = partition_of(&event, config.partitions) as usize;
            for lanes in groups.values_mut() {
                lanes[partition].push(Arc::clone(&event));
            }
        }
        drop(groups);
        self.shared.changed.notify_waiters();
        Ok(())
    }
}

impl Backend for Memory {
    fn publish<'a>(&'a self, events: &'a [Event]) -> Boxed<'a, Result<(), BusError>> {
        Box::pin(async { self.accept(events) })
    }

    fn subscribe<'a>(
        &'a self,
        group: &'a str,
        types: &'a Types,
    ) -> Boxed<'a, Result<Box<dyn Source>, BusError>> {
        Box::pin(async {
            let partitions = self.shared.config.partitions.max(1);
            self.shared
                .lock()
                .entry(group.to_owned())
                .or_insert_with(|| (0..partitions).map(|_| Lane::default()).collect());
            let shared = Arc::clone(&self.shared);
            Ok(Box::new(Member::new(shared, group, types.clone())) as Box<dyn Source>)
        })
    }

    fn ping(&self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async { Ok(()) })
    }
}
