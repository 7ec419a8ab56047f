//! The notification service: one message to the customer for each thing that became of an order.
//!
//! It calls nobody and nobody has to call it: it acts on what the others tell. "Sending" is a row
//! here, written in the transaction that notes the event as handled, so each message is sent once. A
//! mail server would be called from a saga step or with the row's key instead, since what it has sent
//! cannot be rolled back.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database, `workers` listens and
//! tells.

mod config;
mod domain;
mod http;
mod store;
mod workers;

use shop_kit::{
    bus,
    db::Db,
    server::{self, Server, StartError},
    stack::{Callers, ServerHandles, Service, server_stack},
    workers::Workers,
};
use tower_keep::chaos::ChaosLayer;

pub use config::Config;

/// The name in events and logs.
const NAME: &str = "notifications";

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its routes, with the layers around them.
    pub server: Server,
    /// To look at those layers and to steer them.
    pub layers: ServerHandles,
    /// Its background tasks; they end when this is dropped.
    pub workers: Workers,
}

/// Opens the database and the bus and starts to listen; what is told from here on is handled. Must be
/// called within a tokio runtime.
///
/// # Errors
/// The database or the bus cannot be opened.
pub async fn build(config: &Config) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let bus = bus::open(&config.bus).await?;
    let store = store::Store::new(&db);
    let workers = workers::start(&store, bus).await?;
    let service = Service {
        name: NAME,
        version: env!("CARGO_PKG_VERSION"),
        callers: Callers::Peers,
        chaos: ChaosLayer::default(),
    };
    let (server, layers) = server_stack(&service, &db, http::router(store))?;
    Ok(App {
        server,
        layers,
        workers,
    })
}

/// Runs it until SIGTERM or Ctrl-C. The workers go on until the last request has ended; the next
/// process takes up what they leave.
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
