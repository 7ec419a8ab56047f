//! One set of queries for SQLite and PostgreSQL, through sqlx's `Any` driver.
//!
//! The rules that make it true: columns are TEXT, BIGINT or bytes (money in minor units, times in
//! microseconds, booleans 0 or 1), placeholders are `$n`, sums are `CAST(SUM(x) AS BIGINT)`, time
//! is bound and never asked of the database, and whoever writes starts with [`Db::begin_write`].
//!
//! A room of this crate that keeps something has a [`Schema`]; a service opens its database with
//! those it uses and with its own:
//!
//! ```
//! use tower_keep_durable::{Db, db::Schema, outbox};
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! const ORDERS: Schema = Schema::new("orders", &[
//!     &["CREATE TABLE orders (id TEXT PRIMARY KEY, total BIGINT NOT NULL)"],
//!     // What a later release adds goes below, and never changes what is above.
//!     &["ALTER TABLE orders ADD COLUMN currency TEXT NOT NULL DEFAULT 'EUR'"],
//! ]);
//! let db = Db::open("sqlite:orders.db", &[ORDERS, outbox::SCHEMA]).await?;
//! # Ok(()) }
//! ```

mod clock;
mod open;
mod place;
mod schema;
mod tx;
mod url;

pub use self::{
    clock::{Clock, micros},
    open::{Db, OpenError},
    schema::Schema,
    tx::Tx,
    url::file_url,
};
pub(crate) use self::{open::Engine, place::place};
