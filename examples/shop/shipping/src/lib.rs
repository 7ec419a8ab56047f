//! The shipping service: a parcel for each order, sent once or not at all.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database and acts on what others
//! tell, `workers` listens and tells.

mod config;
mod domain;
mod http;
mod store;
mod workers;

use shop_kit::{
    db::Db,
    server::{self, Server, StartError},
    stack::{Callers, ServerHandles, Service, server_stack},
    workers::Workers,
};
use tower_keep::chaos::ChaosLayer;

pub use config::Config;

/// The name in events and logs.
const NAME: &str = "shipping";

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

/// Opens the database and the bus, and makes the service with its layers around it. Must be called
/// within a tokio runtime.
///
/// # Errors
/// The database or the bus cannot be opened.
pub async fn build(config: &Config) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let service = Service {
        name: NAME,
        version: env!("CARGO_PKG_VERSION"),
        callers: Callers::Peers,
        chaos: ChaosLayer::default(),
    };
    let store = store::Store::new(db.clone());
    let workers = workers::start(&store, config).await?;
    let (server, layers) = server_stack(&service, &db, http::router(store))?;
    Ok(App {
        server,
        layers,
        workers,
    })
}

/// Runs it until SIGTERM or Ctrl-C, as its program does.
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
