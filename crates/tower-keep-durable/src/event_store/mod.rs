//! Keeps what happened instead of what is: the state follows from it.
//!
//! # Why
//!
//! A row that is overwritten forgets how it came to be. A stream of events does not, and what a
//! decision was based on is told by the version of the stream it saw: [`EventStore::append`] with
//! [`Expected::Version`] fails if someone else was faster, so two decisions never contradict each
//! other. Read models are [projected](crate::projection) from the log and can be made anew.
//!
//! # When not
//!
//! Where the present is all that anyone asks for. A table is simpler.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use serde::{Deserialize, Serialize};
//! use tower_keep_durable::{Db, Event, event::InvalidEvent};
//! use tower_keep_durable::event_store::{Aggregate, EventStore, Repository, SCHEMA};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Account {
//!     balance: i64,
//! }
//!
//! impl Aggregate for Account {
//!     const SHAPE: i64 = 1;
//!
//!     fn apply(&mut self, event: &Event) -> Result<(), InvalidEvent> {
//!         match event.kind() {
//!             "bank.paid_in.v1" => self.balance += event.read::<i64>()?,
//!             "bank.paid_out.v1" => self.balance -= event.read::<i64>()?,
//!             _ => {} // of no interest to the balance
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = tower_keep_durable::db::file_url(&folder.path().join("bank.db"));
//! let db = Db::open(&url, &[SCHEMA]).await?;
//! let accounts = Repository::<Account>::new(&EventStore::new(&db));
//! let paid_in = Event::new("/bank", "bank.paid_in.v1", 50);
//! let paid_out = Event::new("/bank", "bank.paid_out.v1", 80);
//!
//! let mut tx = db.begin_write().await?;
//! accounts
//!     .decide(&mut tx, "account-1", |_| Ok::<_, Infallible>(vec![paid_in.clone()]))
//!     .await?;
//! let refused = accounts
//!     .decide(&mut tx, "account-1", |account| match account.balance {
//!         80.. => Ok(vec![paid_out.clone()]),
//!         _ => Err("not enough"),
//!     })
//!     .await;
//! assert!(refused.is_err());
//! tx.commit().await?;
//! # Ok(()) }
//! ```

mod aggregate;
mod append;
mod ceiling;
mod error;
mod load;
mod recorded;
mod repository;
mod schema;
mod snapshot;
mod store;

pub use self::{
    aggregate::Aggregate,
    append::{Appended, Expected},
    error::StoreError,
    recorded::Recorded,
    repository::{DecideError, Decided, Loaded, Repository},
    schema::SCHEMA,
    store::EventStore,
};
