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
    stack::server_stack,
};

pub use config::Config;

/// Opens the database and makes the service, with its layers around it.
///
/// # Errors
/// The database cannot be opened.
pub async fn build(config: &Config) -> Result<Server, StartError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    let store = store::Store::new(db.clone());
    if let Err(error) = store.start(config.demo_data).await {
        tracing::warn!(%error, "old answers or demo data are not settled");
    }
    let version = env!("CARGO_PKG_VERSION");
    Ok(server_stack("payments", version, &db, http::router(store))?)
}
