//! The payment service: accounts with balances, payments taken from them, refunds.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database.

mod config;
mod demo_data;
mod domain;
mod http;
mod store;

use shop_kit::{
    db::Db,
    server::{Server, StartError},
    stack::{Callers, ServerHandles, Service, server_stack},
};
use tower_keep::chaos::ChaosLayer;

pub use config::Config;

/// Opens the database and makes the service, with its layers around it and what steers them.
///
/// # Errors
/// The database cannot be opened.
pub async fn build(config: &Config) -> Result<(Server, ServerHandles), StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let store = store::Store::new(db.clone());
    if let Err(error) = store.start(config.demo_data).await {
        tracing::warn!(%error, "old answers or demo data are not settled");
    }
    let service = Service {
        name: "payments",
        version: env!("CARGO_PKG_VERSION"),
        callers: Callers::Peers,
        chaos: ChaosLayer::default(),
    };
    Ok(server_stack(&service, &db, http::router(store))?)
}
