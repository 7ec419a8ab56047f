//! How much more load than its callers ask for a service may be given, by all who add to it.
//!
//! A retry and a hedge are calls that nobody asked for, and they are wanted most when a service can
//! bear them least. Each layer that makes such calls pays for them from a [`Budget`], has one of its
//! own by default, and takes one that it shares with others.

mod config;
#[cfg(all(test, keep_loom))]
mod models;
pub(crate) mod pot;
#[cfg(test)]
mod tests;

pub use self::{config::BudgetConfig, pot::Budget};

/// Whose configuration it is that [`Budget::new`] is given.
const ROOM: &str = "budget";
