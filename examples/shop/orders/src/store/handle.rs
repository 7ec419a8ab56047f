use std::time::Duration;

use shop_kit::{db::Db, idempotency::Keys};
use tower_keep_durable::{
    Outbox,
    event_store::{EventStore, Repository},
    saga::Sagas,
};

use crate::domain::Story;

/// Clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) db: Db,
    pub(crate) outbox: Outbox,
    pub(crate) sagas: Sagas,
    pub(super) keys: Keys,
    /// How long a customer waits for the end of an order at most.
    pub(super) patience: Duration,
    pub(super) log: EventStore,
    pub(super) stories: Repository<Story>,
}

impl Store {
    pub(crate) fn new(db: &Db, patience: Duration) -> Self {
        let log = EventStore::new(db);
        Self {
            db: db.clone(),
            patience,
            outbox: Outbox::new(db.clone()),
            sagas: Sagas::new(db),
            keys: Keys::new(db),
            stories: Repository::new(&log),
            log,
        }
    }
}
