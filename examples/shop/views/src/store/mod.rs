//! The database of the views: the log of what was heard, and the tables that follow from it.

mod hear;
mod look;
mod orders;
mod row;
mod schema;

use shop_kit::db::Db;
use tower_keep_durable::{
    event_store::EventStore,
    projection::{Projection, ReadModel},
};

pub(crate) use self::{
    hear::Hear,
    look::{Dashboard, Progress, Search},
    orders::Orders,
    schema::SCHEMA,
};

/// Clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) db: Db,
    pub(crate) log: EventStore,
    model: ReadModel,
}

impl Store {
    pub(crate) fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            log: EventStore::new(db),
            model: ReadModel::new(db, Orders::NAME),
        }
    }
}

#[cfg(test)]
mod tests;
