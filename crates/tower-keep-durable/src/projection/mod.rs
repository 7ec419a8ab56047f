//! Read models: tables made of the log, as questions want them.
//!
//! # Why
//!
//! A stream answers "what happened to this order"; "which orders of this customer are open" wants a
//! table. A [`Projection`] makes such tables of the events, and a [`Runner`] keeps them up to date. The
//! checkpoint moves in the transaction that changes the tables, so an event is applied once, whatever
//! crashes and however many processes run it.
//!
//! Tables are read by their plain names. Behind each stands a database view of the *generation* that is
//! live: when [`Projection::VERSION`] is raised or [`Runner::rebuild`] is called the next one is built
//! from the first event on, beside it, and takes its place in one transaction once it is as far. Until
//! then readers see the one before. After a release with a raised version that one stands still as soon
//! as no process with the old code runs.
//!
//! Whoever has written and wants to read it [waits](ReadModel::wait_for) for the position of the append.
//!
//! # When not
//!
//! For what must be right at once, such as whether there is enough stock: that is decided on the write
//! side. And an event that another service told comes by the bus: its handler's inbox and transaction
//! do there what a checkpoint does here.
//!
//! # Example
//!
//! ```
//! use tower_keep_durable::{BoxError, Db, Event, Tx};
//! use tower_keep_durable::event_store::{self, EventStore, Expected, Recorded};
//! use tower_keep_durable::projection::{self, Projection, Runner, Table, View};
//!
//! struct Totals;
//!
//! impl Projection for Totals {
//!     const NAME: &'static str = "totals";
//!     const VERSION: i64 = 1;
//!     const TABLES: &'static [Table] = &[Table::new("totals", &[
//!         "CREATE TABLE {table} (customer TEXT PRIMARY KEY, paid BIGINT NOT NULL)",
//!     ])];
//!
//!     async fn apply(&self, tx: &mut Tx, view: &View, event: &Recorded) -> Result<(), BoxError> {
//!         sqlx::query(view.sql(
//!             "INSERT INTO {totals} (customer, paid) VALUES ($1, $2)
//!              ON CONFLICT (customer) DO UPDATE SET paid = {totals}.paid + $2",
//!         ))
//!         .bind(event.subject())
//!         .bind(event.read::<i64>()?)
//!         .execute(&mut **tx)
//!         .await?;
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = tower_keep_durable::db::file_url(&folder.path().join("bank.db"));
//! let db = Db::open(&url, &[event_store::SCHEMA, projection::SCHEMA]).await?;
//! let store = EventStore::new(&db);
//! let paid = Event::new("/shop", "shop.paid.v1", 50).about("ann");
//! let mut tx = db.begin_write().await?;
//! let appended = store.append(&mut tx, "order-7", Expected::Any, &[paid]).await?;
//! tx.commit().await?;
//!
//! let runner = Runner::new(&store, Totals);
//! while runner.pass().await?.more {} // a service has `runner.run(stop)` on a task instead
//! assert_eq!(runner.model().position().await?, appended.position);
//! let (paid,): (i64,) = sqlx::query_as("SELECT paid FROM totals WHERE customer = 'ann'")
//!     .fetch_one(db.pool())
//!     .await?;
//! assert_eq!(paid, 50);
//! # Ok(()) }
//! ```

mod define;
mod generations;
mod model;
mod runner;
mod schema;
mod view;

pub use self::{
    define::{ApplyError, Projection},
    model::{Lag, ReadModel},
    runner::{Progress, Runner},
    schema::SCHEMA,
    view::{Table, View},
};
