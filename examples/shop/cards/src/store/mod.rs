//! The database of the card network. Every change is one transaction with its webhook.

mod money;
mod queries;
mod rows;
mod schema;

pub(crate) use queries::{CardView, Store};
pub(crate) use schema::SCHEMA;

#[cfg(test)]
mod tests;
