//! The database of the order service.

mod queries;
mod schema;

pub(crate) use queries::{Accepted, Store};
pub(crate) use schema::SCHEMA;

#[cfg(test)]
mod tests;
