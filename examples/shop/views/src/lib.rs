//! The read side of the shop: questions that no single service can answer, or should not be bothered
//! with.
//!
//! ```text
//! bus ──► inbox: one transaction ──► log of what was heard ──► projection ──► order_view,
//!         notes the event, appends it                                         customer_counts, ..
//! ```
//!
//! A bus forgets what all have passed, so this service keeps what it hears in a log of its own, and
//! its tables follow from that log. A mistake in them is mended by raising the version of the
//! projection, or started by hand with `--rebuild`: new tables are filled beside the ones that are
//! shown, and take their place once they are as far. Nobody else is asked for anything.
//!
//! What is shown is a little old; `GET /lag` says how old. Nothing may be decided by it.
//!
//! `http` translates, `domain` says what an order looks like, `store` owns the database, `workers`
//! listens and projects.

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
const NAME: &str = "views";

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

/// Opens the database and the bus and starts to listen; what is told from here on is shown. Must be
/// called within a tokio runtime.
///
/// # Errors
/// The database or the bus cannot be opened.
pub async fn build(config: &Config) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let bus = bus::open(&config.bus).await?;
    let store = store::Store::new(&db);
    let workers = workers::start(&store, bus, config.rebuild).await?;
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
