//! Streams, versions, snapshots, and the order of the whole log.

mod append;
mod order;
mod reference;
mod repository;

use tower_keep_durable::{
    Db, Event,
    db::Schema,
    event_store::{Appended, EventStore, Expected, Recorded, SCHEMA, StoreError},
    outbox,
};

pub(crate) const SCHEMAS: [Schema; 2] = [SCHEMA, outbox::SCHEMA];

/// An event that adds a number.
pub(crate) fn added(n: i64) -> Event {
    Event::new("/test", "test.added.v1", n)
}

pub(crate) async fn append(
    db: &Db,
    stream: &str,
    expected: Expected,
    events: &[Event],
) -> Result<Appended, StoreError> {
    let mut tx = db.begin_write().await?;
    let appended = EventStore::new(db)
        .append(&mut tx, stream, expected, events)
        .await?;
    tx.commit().await?;
    Ok(appended)
}

pub(crate) async fn load(db: &Db, stream: &str, after: i64, limit: u32) -> Vec<Recorded> {
    let mut connection = db.pool().acquire().await.unwrap();
    EventStore::new(db)
        .load(&mut connection, stream, after, limit)
        .await
        .unwrap()
}

/// The numbers of all events, read in pages of this size.
pub(crate) async fn all(db: &Db, page: u32) -> Vec<i64> {
    let store = EventStore::new(db);
    let (mut after, mut numbers) = (0, Vec::new());
    loop {
        let events = store.read_all(after, page).await.unwrap();
        let Some(last) = events.last() else {
            return numbers;
        };
        after = last.position;
        numbers.extend(events.iter().map(|event| event.read::<i64>().unwrap()));
    }
}
