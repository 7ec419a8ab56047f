//! The database of the notification service. What is sent is written in one transaction with the note
//! that the event was handled, and with the event that tells of it.

mod look;
mod notify;
mod schema;

use shop_kit::db::Db;
use tower_keep_durable::Outbox;

pub(crate) use self::{look::Notification, notify::Notify, schema::SCHEMA};

/// Clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) db: Db,
    pub(crate) outbox: Outbox,
}

impl Store {
    pub(crate) fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            outbox: Outbox::new(db.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
