//! The payment service: authorizes, captures, voids and refunds payments at a card network, and keeps
//! the books by double entry.
//!
//! | request | before | after | if the authorization never came |
//! |---|---|---|---|
//! | `POST /payments` | | authorized or declined | |
//! | `POST /payments/{id}/capture` | authorized | captured | 404 |
//! | `POST /payments/{id}/void` | authorized | voided; a captured one is refused | a tombstone: voided |
//! | `POST /payments/{id}/refund` | authorized, captured | voided, refunded | a tombstone: voided |
//!
//! What is there already is answered again, so everything can be repeated.
//!
//! `http` translates, `teller` does what is wanted in three steps, `network` calls the card network,
//! `reconciler` finds out about what was left half done, `domain` decides without I/O, `store` owns
//! the database and acts on what others tell, `workers` listens and tells. What is booked is in `domain/ledger.rs`.

mod config;
mod domain;
mod http;
mod network;
mod reconciler;
mod store;
mod teller;
mod workers;

use shop_kit::{
    db::Db,
    server::{self, Server, StartError},
    stack::{Callers, ClientHandles, ServerHandles, Service, server_stack},
    workers::Workers,
};
use tower_keep::chaos::ChaosLayer;

pub use config::{CARDS_TIMEOUT_MS, Config, GRACE_MS};

/// What the service is called, where it is named.
const NAME: &str = "payments";

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its routes, with the layers around them.
    pub server: Server,
    /// To look at those layers and to steer them.
    pub layers: ServerHandles,
    /// To look at the layers in front of the card network.
    pub network: ClientHandles,
    /// Its background tasks; they end when this is dropped.
    pub workers: Workers,
}

/// Opens the database, connects to the card network lazily and starts the reconciler. Must be called
/// within a tokio runtime.
///
/// # Errors
/// The database cannot be opened, or a setting is out of range.
pub async fn build(config: &Config) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let store = store::Store::new(db.clone(), config.grace());
    if let Err(error) = store.start().await {
        tracing::warn!(%error, "old answers are not settled");
    }
    let network = network::Network::new(&config.cards, config.cards_timeout())?;
    let handles = network.handles().clone();
    let teller = teller::Teller::new(store.clone(), network);
    let workers = workers::start(&store, teller.clone(), config).await?;
    let service = Service {
        name: NAME,
        version: env!("CARGO_PKG_VERSION"),
        callers: Callers::Peers,
        chaos: ChaosLayer::default(),
    };
    let router = http::router(http::Payments {
        store,
        teller,
        webhook_secret: config.webhook_secret.clone(),
    });
    let (server, layers) = server_stack(&service, &db, router)?;
    Ok(App {
        // Shown and no more: without the network payments can still be looked at.
        server: server.watch(&handles),
        layers,
        network: handles,
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
