//! The payment service: accounts with balances, payments taken from them, refunds.
//!
//! `http` translates, `domain` decides without I/O, `store` owns the database.

mod config;
mod demo_data;
mod domain;
mod http;
mod store;

use axum::Router;
use shop_kit::{
    db::{Db, OpenError},
    stack::server_stack,
};

pub use config::Config;

/// Opens the database and makes the router, with its layers around it.
///
/// # Errors
/// The database cannot be opened.
pub async fn build(config: &Config) -> Result<Router, OpenError> {
    let store = store::Store::new(Db::open(&config.database, store::SCHEMA).await?);
    if let Err(error) = store.start(config.demo_data).await {
        tracing::warn!(%error, "old answers or demo data are not settled");
    }
    Ok(server_stack("payments", http::router(store)))
}
