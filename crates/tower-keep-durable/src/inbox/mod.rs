//! Handles an event once, however often it is delivered.
//!
//! Every bus delivers at least once. So the id of the event is written as the first statement of the
//! transaction in which the handler works: if it is there already, the event is a duplicate and is
//! done with; if the handler fails, the id is rolled back with what the handler did.
//!
//! Implement [`Handler`]; an [`Inbox`] makes a tower service of it, for layers to stack on and a
//! [`Consumer`](crate::Consumer) to run.
//!
//! ```
//! use tower_keep_durable::{Db, Event, Inbox, Tx, inbox::{Handler, HandlerError}};
//!
//! #[derive(serde::Deserialize)]
//! struct Placed { sku: String, count: i64 }
//!
//! struct Reserve;
//!
//! impl Handler for Reserve {
//!     const NAME: &'static str = "inventory";
//!
//!     async fn handle(&self, tx: &mut Tx, event: &Event) -> Result<(), HandlerError> {
//!         let placed: Placed = event.read()?; // of another shape: a dead letter, at once
//!         sqlx::query("UPDATE stock SET held = held + $1 WHERE sku = $2")
//!             .bind(placed.count)
//!             .bind(placed.sku)
//!             .execute(&mut **tx)
//!             .await?; // the database fails: again later
//!         Ok(())
//!     }
//! }
//!
//! # fn serve(db: Db) {
//! let service = Inbox::new(db, Reserve); // a `tower::Service<Event, Response = ()>`
//! # fn takes(_: impl tower_service::Service<Event, Response = ()>) {}
//! # takes(service); }
//! ```
//!
//! # When not
//!
//! For effects outside of this database: they are not rolled back with the transaction. Give them the
//! event's id as an idempotency key, or make them a step of a saga.

mod error;
mod handler;
mod remember;
mod schema;
mod service;

pub(crate) use self::remember::knows;
pub use self::{
    error::HandlerError,
    handler::Handler,
    remember::{purge, remember},
    schema::SCHEMA,
    service::Inbox,
};
