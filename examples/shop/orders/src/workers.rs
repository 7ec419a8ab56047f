//! What goes on in the background: the sagas, the telling of what happened, and for choreography the
//! hearing of what others tell and the watchdog.

use std::future::pending;

use shop_kit::{
    bus,
    consume::hear,
    flow::takes_part,
    server::StartError,
    workers::{Workers, publish},
};
use tower_keep_durable::{Inbox, bus::Types, inbox::Handler, saga::Worker};

use crate::{
    Config,
    domain::KINDS,
    peers::Peers,
    sagas::{CancelOrder, PlaceOrder},
    store::{Hear, Store},
    watchdog,
};

/// How many orders are moved on at the same time: so many may wait for a peer that hangs before
/// others wait for them.
const AT_ONCE: usize = 64;

/// Starts them. Must be called within a tokio runtime.
pub(crate) async fn start(
    store: &Store,
    peers: &Peers,
    config: &Config,
) -> Result<Workers, StartError> {
    let bus = bus::open(&config.bus).await?;
    let (store, peers) = (store.clone(), peers.clone());
    let place = PlaceOrder {
        store: store.clone(),
        peers: peers.clone(),
    };
    let cancel = CancelOrder {
        store: store.clone(),
        peers,
    };
    // Whatever new orders do: what began as a saga goes on as one.
    let sagas = Worker::new(&store.sagas)
        .register(place)?
        .register(cancel)?
        .lease(config.lease())
        .concurrency(AT_ONCE);
    let mut workers = publish(&store.outbox, bus.clone());
    workers.spawn(async move { sagas.run(pending()).await });
    if takes_part(&store.db, config.saga).await? {
        let inbox = Inbox::new(store.db.clone(), Hear::new(&store)).waking(store.outbox.clone());
        let (db, types) = (&store.db, Types::of(KINDS));
        workers.spawn(hear(db, bus, Hear::NAME, types, inbox).await?);
        workers.spawn(watchdog::watch(store, config.deadline()));
    }
    Ok(workers)
}
