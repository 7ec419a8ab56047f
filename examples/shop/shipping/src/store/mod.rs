//! The database of the shipping service. Every change is one transaction with the event that tells
//! of it.

mod queries;
mod react;
mod schema;

pub(crate) use queries::Store;
pub(crate) use react::{KINDS, React};
pub(crate) use schema::SCHEMA;

#[cfg(test)]
mod tests;
