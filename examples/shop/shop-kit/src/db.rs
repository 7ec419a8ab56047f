//! The services' databases: those of the durable companion, and how their columns are read.

use std::error::Error;

pub use tower_keep_durable::{
    Clock, Db, Tx,
    db::{Schema, file_url, micros},
};

use tower_keep_durable::Outbox;

use crate::{drills::crash_point, money::Money};

/// Commits, and so does [`commit_told`]: the two ends of every transaction of the shop, and the places at
/// which drills kill a service.
///
/// # Errors
/// As those of [`Tx::commit`].
pub async fn commit(tx: Tx) -> Result<(), sqlx::Error> {
    crash_point("before a commit");
    tx.commit().await?;
    crash_point("after a commit");
    Ok(())
}

/// The same for a transaction that put something into the outbox, which is published at once.
///
/// # Errors
/// As those of [`Tx::commit`].
pub async fn commit_told(tx: Tx, outbox: &Outbox) -> Result<(), sqlx::Error> {
    crash_point("before a commit");
    outbox.commit(tx).await?;
    crash_point("after a commit");
    Ok(())
}

/// A column holds what cannot be: an id, a status or an amount that this service never wrote.
pub fn decode(error: impl Into<Box<dyn Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// The amount in two columns.
///
/// # Errors
/// The currency is none.
pub fn money(minor: i64, currency: &str) -> Result<Money, sqlx::Error> {
    Ok(Money::new(minor, currency.parse().map_err(decode)?))
}
