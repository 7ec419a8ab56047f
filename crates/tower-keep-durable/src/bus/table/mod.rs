//! A bus that is a few tables: several processes of one host on a SQLite file, or any number of
//! hosts on PostgreSQL. No broker to run.
//!
//! A publish is one transaction on an append-only log; a group has a cursor for each partition. A
//! member claims the partitions that have something for its group, a batch of events at a time, for
//! the length of a lease. What it may still change is decided by the *epoch* of its claim, which
//! every claim counts up: a process that was paused and comes back finds its acknowledgement
//! refused, whatever the clocks say. All writes of a process go through one task, which commits
//! together what waits together.
//!
//! Events of types that a group does not want cost it no transaction: a member looks at their types
//! and remembers up to where nothing was, and the cursors are told every thousand events or 30 s. One
//! that is wanted costs its group a commit when it is given out, which counts the attempt, and one
//! when it is acknowledged, which waits up to 2 ms for others to share it with.
//!
//! Not for a file on a network file system, whose locks cannot be trusted: that is refused. For tens
//! of thousands of events a second, or many hosts, take a broker.
//!
//! ```no_run
//! use tower_keep_durable::{Bus, Db, bus::table::{self, TableConfig}};
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! // A file of its own: a service's writes and the bus's would wait for each other.
//! let db = Db::open("sqlite:bus.db", &[table::SCHEMA]).await?;
//! let bus = Bus::table(&db, TableConfig::default()).await?;
//! # drop(bus);
//! # Ok(()) }
//! ```

mod backend;
mod cleanup;
mod config;
mod delivery;
mod lanes;
mod log;
mod lookout;
mod member;
mod mount;
mod open;
mod operation;
mod poll;
mod reading;
mod schema;
mod writer;

pub use self::{
    cleanup::{forget_group, remove_passed},
    config::TableConfig,
    schema::SCHEMA,
};
