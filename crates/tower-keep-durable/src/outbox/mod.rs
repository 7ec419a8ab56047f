//! Tells of a change exactly when the change is there.
//!
//! To write to the database and then publish is two writes, and a crash between them loses one. So
//! the event is a row, written by [`append`] in the transaction that changes the state; what is
//! committed is published afterwards by a [`Relay`], at least once and in order.
//!
//! ```
//! use serde_json::json;
//! use tower_keep_durable::{Bus, Db, Event, Outbox, outbox::RelayConfig};
//!
//! # async fn place(db: Db, bus: Bus) -> Result<(), Box<dyn std::error::Error>> {
//! let outbox = Outbox::new(db.clone());
//! let relay = outbox.relay(bus, RelayConfig::default());
//! tokio::spawn(async move { relay.run(std::future::pending()).await });
//!
//! let mut tx = db.begin_write().await?;
//! sqlx::query("UPDATE orders SET state = 'placed' WHERE id = 'order-7'")
//!     .execute(&mut *tx)
//!     .await?;
//! let placed = Event::new("/shop/orders", "shop.order.placed.v1", json!({})).keyed("order-7");
//! outbox.append(&mut tx, &placed).await?;
//! outbox.commit(tx).await?; // and the relay is told
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! - An event is published if and only if its transaction commits, at least once. A relay that dies
//!   or is paused between the bus' confirm and the mark publishes again; an
//!   [inbox](crate::inbox) bears that.
//! - Events of one key reach the bus in the order of their appends. One relay of a database works at a
//!   time; a paused one that goes on beside its successor can only repeat what was told before.
//! - A bus that does not answer is asked again, with longer and longer waits; events wait in the table.
//! - An event that the bus refuses for ever is set aside with its reason, and later events of its key
//!   wait behind it until an operator [releases](Outbox::release) or [discards](Outbox::discard) it.
//!   Other keys go on.
//!
//! # When not
//!
//! For what need not survive, and for what is told of no change in this database: publish that.

mod append;
mod backlog;
mod config;
mod handle;
mod operate;
mod publish;
mod relay;
mod rows;
mod schema;

pub use self::{
    append::append,
    backlog::Backlog,
    config::RelayConfig,
    handle::Outbox,
    operate::{NotSetAside, SetAside},
    relay::{Relay, RelayError, Relayed},
    schema::SCHEMA,
};
