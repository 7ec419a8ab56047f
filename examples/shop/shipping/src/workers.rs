//! What goes on in the background: telling what happened, and acting on what others tell.

use shop_kit::{
    bus,
    consume::take_part,
    flow::takes_part,
    server::StartError,
    workers::{Workers, publish},
};
use tower_keep_durable::{Inbox, bus::Types, inbox::Handler};

use crate::{
    Config,
    store::{KINDS, React, Store},
};

/// Starts them. Must be called within a tokio runtime.
pub(crate) async fn start(store: &Store, config: &Config) -> Result<Workers, StartError> {
    let bus = bus::open(&config.bus).await?;
    let mut workers = publish(store.outbox(), bus.clone());
    if takes_part(store.db(), config.saga).await? {
        let inbox =
            Inbox::new(store.db().clone(), React::new(store)).waking(store.outbox().clone());
        let (db, types) = (store.db(), Types::of(KINDS));
        workers.spawn(take_part(db, bus, React::NAME, types, inbox).await?);
    }
    Ok(workers)
}
