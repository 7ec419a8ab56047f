//! The simulated card network, which stands in for a bank: it holds the customers' money.
//!
//! | verb | what it does | before its authorization | repeated |
//! |---|---|---|---|
//! | authorize | free money is held, or the card declines | | finds the first |
//! | capture | held money is taken | 404 | as it is |
//! | void | held money is free again | a tombstone, which keeps a late authorization out | as it is |
//! | refund | taken money is free again | 404 | as it is |
//!
//! Merchants name their authorizations, so the id is the key: whatever is sent twice happens once,
//! and whoever has lost an answer asks for the authorization. What happens is told by
//! [webhooks](Webhooks) as well. Its faults are those of its chaos layer, and webhooks that come twice.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database.

mod config;
mod demo_data;
mod domain;
mod http;
mod store;
mod webhooks;

use shop_kit::{
    db::Db,
    server::{self, Server, StartError},
    stack::{Callers, ServerHandles, Service, server_stack},
};
use tower_keep::chaos::ChaosLayer;

pub use config::Config;
pub use webhooks::{Sender, Webhooks};

/// The name in events and logs.
const NAME: &str = "cards";

/// The card network, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its routes, with the layers around them.
    pub server: Server,
    /// To look at those layers and to steer them.
    pub layers: ServerHandles,
    /// To steer its webhooks.
    pub webhooks: Webhooks,
    /// What sends them; it ends when this is dropped.
    pub sender: Sender,
}

/// Opens the database and starts to send webhooks. Must be called within a tokio runtime.
///
/// # Errors
/// The database cannot be opened.
pub async fn build(config: &Config) -> Result<App, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let store = store::Store::new(db.clone());
    if config.demo_data {
        store.seed_demo().await?;
    }
    let webhooks = Webhooks::new(config);
    let sender = Sender::start(store.webhooks().clone(), &webhooks);
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
        webhooks,
        sender,
    })
}

/// Runs it until SIGTERM or Ctrl-C, as its program does.
///
/// # Errors
/// As [`build`], or the address is taken.
pub async fn run(config: Config) -> Result<(), StartError> {
    let built = async {
        let app = build(&config).await?;
        Ok((app.server, app.sender))
    };
    server::run(NAME, config.listen, &config.log, built).await
}
