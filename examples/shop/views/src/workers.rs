//! What goes on in the background: hearing what the others tell, and making views of it.

use std::future::pending;

use shop_kit::{consume::consume, workers::Workers};
use tower_keep_durable::{BoxError, Bus, Inbox, bus::Types, projection::Runner};

use crate::store::{Hear, Orders, Store};

/// What is listened to: all that happens to orders, their money and their parcels.
const TOLD: [&str; 3] = ["shop.order.*", "shop.payment.*", "shop.shipment.*"];

/// Starts them. Must be called within a tokio runtime.
pub(crate) async fn start(store: &Store, bus: Bus, rebuild: bool) -> Result<Workers, BoxError> {
    let inbox = Inbox::new(store.db.clone(), Hear::new(&store.log));
    let consumer = consume(&store.db, bus, Types::of(TOLD), inbox).await?;
    let runner = Runner::new(&store.log, Orders);
    // The first pass makes the tables, without which nothing can be shown.
    runner.pass().await?;
    if rebuild {
        runner.rebuild().await?;
    }
    let mut workers = Workers::new();
    workers.spawn(consumer);
    workers.spawn(async move { runner.run(pending()).await });
    Ok(workers)
}
