//! The order service: takes an order, reserves its stock, charges its customer, and finishes later
//! what could not be finished at once.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database, `peers` calls the
//! other services, `place_order` is the flow, `finisher` runs it again for pending orders.

mod config;
mod domain;
mod finisher;
mod http;
mod peers;
mod place_order;
mod store;

use shop_kit::{
    db::Db,
    idempotency,
    notices::Notices,
    server::{Server, StartError},
    stack::{Callers, ClientHandles, ServerHandles, Service, server_stack},
};
use tower_keep::chaos::ChaosLayer;

pub use config::{CUSTOMER_RATE, Config, PEER_TIMEOUT_MS};
pub use finisher::Finisher;

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its routes, with the layers around them.
    pub server: Server,
    /// To look at those layers.
    pub edge: ServerHandles,
    /// Its background tasks; they end when this is dropped.
    pub finisher: Finisher,
    /// To look at the layers in front of each peer.
    pub peers: Vec<ClientHandles>,
}

/// Opens the database, connects to the peers lazily and starts the finisher, which takes up the
/// orders that an earlier process left pending. Must be called within a tokio runtime.
///
/// # Errors
/// The database cannot be opened, or a setting is out of range.
pub async fn build(config: &Config, notices: Notices) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    if let Err(error) = idempotency::forget_old(&db).await {
        tracing::warn!(%error, "old answers are not settled");
    }
    let store = store::Store::new(db.clone());
    let peers = peers::Peers::new(config)?;
    let handles = peers.handles();
    let flow = place_order::PlaceOrder::new(store.clone(), peers.clone());
    let finisher = Finisher::start(&flow, &store, &notices);
    let service = Service {
        name: "orders",
        version: env!("CARGO_PKG_VERSION"),
        callers: Callers::Customers {
            rate: config.customer_rate,
            matters: http::matters,
        },
        chaos: ChaosLayer::default(),
    };
    let router = http::router(http::Orders { store, flow, peers });
    let (server, edge) = server_stack(&service, &db, router)?;
    Ok(App {
        // Peers are shown and no more: without them this service still takes orders.
        server: handles.iter().fold(server, Server::watch),
        edge,
        finisher,
        peers: handles,
    })
}
