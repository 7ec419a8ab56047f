//! The services' databases: those of the durable companion, and how their columns are read.

use std::error::Error;

pub use tower_keep_durable::{
    Clock, Db, Tx,
    db::{Schema, file_url, micros},
};

use crate::money::Money;

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
