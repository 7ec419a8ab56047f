//! What goes on in the background: hearing what the others tell, and telling what was sent.

use shop_kit::{
    consume::consume,
    workers::{Workers, publish},
};
use tower_keep_durable::{
    Bus, Inbox,
    bus::{BusError, Types},
};

use crate::{
    domain::KINDS,
    store::{Notify, Store},
};

/// Starts them. Must be called within a tokio runtime.
pub(crate) async fn start(store: &Store, bus: Bus) -> Result<Workers, BusError> {
    let inbox = Inbox::new(store.db.clone(), Notify::new(&store.db)).waking(store.outbox.clone());
    let consumer = consume(&store.db, bus.clone(), Types::of(KINDS), inbox).await?;
    let mut workers = publish(&store.outbox, bus);
    workers.spawn(consumer);
    Ok(workers)
}
