//! What a service does in the background.

use std::future::pending;

use tokio::task::JoinSet;
use tower_keep_durable::{Bus, Outbox, outbox::RelayConfig};

use crate::drills::lease;

/// The background tasks of a service. Dropped, they end wherever they are: what they work on is in
/// the database, and the next process goes on with it.
pub type Workers = JoinSet<()>;

/// Workers of which one publishes what is in the outbox. Must be called within a tokio runtime.
#[must_use]
pub fn publish(outbox: &Outbox, bus: Bus) -> Workers {
    let usual = RelayConfig::default();
    let config = RelayConfig {
        lease: lease(usual.lease),
        ..usual
    };
    let relay = outbox.relay(bus, config);
    let mut workers = Workers::new();
    workers.spawn(async move { relay.run(pending()).await });
    workers
}
