//! The order service: takes an order, sees it through at inventory, payments and shipping, and undoes
//! what could not be seen through.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database, `peers` calls the
//! other services, `sagas` is the flow, `workers` runs it. By choreography `domain/hear.rs` is this
//! service's side of the flow, and `watchdog` notices what nobody tells of.

mod config;
mod domain;
mod http;
mod peers;
mod sagas;
mod store;
mod watchdog;
mod workers;

use shop_kit::{
    db::Db,
    idempotency,
    server::{self, Server, StartError},
    stack::{Callers, ClientHandles, ServerHandles, Service, server_stack},
    workers::Workers,
};
use tower_keep::chaos::ChaosLayer;

pub use config::{CUSTOMER_RATE, Config, DEADLINE_MS, LEASE_MS, PATIENCE_MS, PEER_TIMEOUT_MS};

/// The name in events and logs.
const NAME: &str = "orders";

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its routes, with the layers around them.
    pub server: Server,
    /// To look at those layers.
    pub edge: ServerHandles,
    /// Its background tasks; they end when this is dropped.
    pub workers: Workers,
    /// To look at the layers in front of each peer.
    pub peers: Vec<ClientHandles>,
}

/// Opens the database and the bus, connects to the peers lazily and starts the workers, which take up
/// the orders that an earlier process left. Must be called within a tokio runtime.
///
/// # Errors
/// The database or the bus cannot be opened, or a setting is out of range.
pub async fn build(config: &Config) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    if let Err(error) = idempotency::forget_old(&db).await {
        tracing::warn!(%error, "old answers are not settled");
    }
    let store = store::Store::new(&db, config.patience());
    let peers = peers::Peers::new(config)?;
    let handles = peers.handles();
    let workers = workers::start(&store, &peers, config).await?;
    let service = Service {
        name: NAME,
        version: env!("CARGO_PKG_VERSION"),
        callers: Callers::Customers {
            rate: config.customer_rate,
            matters: http::matters,
        },
        chaos: ChaosLayer::default(),
    };
    let progress = store.clone();
    let router = http::router(http::Orders::new(store, peers, config.saga));
    let (mut server, edge) = server_stack(&service, &db, router)?;
    server.health = server.health.informational("progress", move || {
        let store = progress.clone();
        async move { store.check_progress().await }
    });
    Ok(App {
        // Peers are shown and no more: without them this service still takes orders.
        server: handles.iter().fold(server, Server::watch),
        edge,
        workers,
        peers: handles,
    })
}

/// Runs it until SIGTERM or Ctrl-C. The workers go on until the last request has ended; what they leave
/// half done is taken up by the next process.
///
/// # Errors
/// As [`build`], or the address is taken.
pub async fn run(config: Config) -> Result<(), StartError> {
    let built = async {
        let app = build(&config).await?;
        Ok((app.server, app.workers))
    };
    server::run(NAME, config.listen, &config.log, built).await
}
