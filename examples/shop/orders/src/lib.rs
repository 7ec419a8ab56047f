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

use axum::Router;
use shop_kit::{
    db::{Db, OpenError},
    idempotency,
    notices::Notices,
    stack::server_stack,
};

pub use config::Config;
pub use finisher::Finisher;

/// The service, ready to be served.
#[derive(Debug)]
pub struct App {
    /// Its routes, with the layers around them.
    pub router: Router,
    /// Its background task; it ends when this is dropped.
    pub finisher: Finisher,
}

/// Opens the database, connects to the peers lazily and starts the finisher, which takes up the
/// orders that an earlier process left pending. Must be called within a tokio runtime.
///
/// # Errors
/// The database cannot be opened.
pub async fn build(config: &Config, notices: Notices) -> Result<App, OpenError> {
    let db = Db::open(&config.database, store::SCHEMA).await?;
    if let Err(error) = idempotency::forget_old(&db).await {
        tracing::warn!(%error, "old answers are not settled");
    }
    let store = store::Store::new(db);
    let peers = peers::Peers::new(config, &notices);
    let flow = place_order::PlaceOrder::new(store.clone(), peers);
    let finisher = Finisher::start(flow.clone(), store.clone(), notices);
    let router = server_stack("orders", http::router(http::Orders { store, flow }));
    Ok(App { router, finisher })
}
