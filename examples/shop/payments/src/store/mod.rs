//! The database of the payment service. Every effect is one transaction with its key.

mod queries;
mod schema;

pub(crate) use queries::{AccountView, Store};
pub(crate) use schema::SCHEMA;

#[cfg(test)]
mod tests;
