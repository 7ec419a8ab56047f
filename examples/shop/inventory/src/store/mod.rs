//! The database of the inventory service. Every effect is one transaction with its key.

mod queries;
mod schema;

pub(crate) use queries::{ProductView, Store};
pub(crate) use schema::SCHEMA;

#[cfg(test)]
mod tests;
