//! What the event store does.

use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::Instant;
use tower_keep_durable::{
    BoxError, Db, Event, Tx,
    event_store::{EventStore, Expected, Recorded, StoreError},
    projection::{Projection, Runner, Table, View},
};

use crate::{
    Failed,
    plan::{Plan, print},
};

const BATCH: usize = 50;

/// Measures the event store on one database and prints a line for each figure.
///
/// # Errors
/// The database does not answer.
pub async fn measure(db: &Db, plan: Plan) -> Result<(), Failed> {
    let store = EventStore::new(db);
    for (what, writers, batch) in [
        ("appended one by one", 1, 1),
        ("appended one by one, to 16 streams at a time", 16, 1),
        ("appended in batches of 50", 1, BATCH),
    ] {
        let began = Instant::now();
        let each = (0..writers).map(|writer| append(&store, began, plan, writer, batch));
        let counts = try_join_all(each).await?;
        print(what, counts.iter().sum(), began.elapsed());
    }
    load(&store, plan).await?;
    project(&store, plan).await
}

fn event() -> Event {
    let data = json!({"lines": [{"product": "tea", "count": 2}], "total": 4200});
    Event::new("/bench", "bench.order.placed.v1", data)
}

/// Appends to a stream of its own, each time where it was left, until the time is over.
async fn append(
    store: &EventStore,
    began: Instant,
    plan: Plan,
    writer: usize,
    batch: usize,
) -> Result<usize, StoreError> {
    let stream = format!("{batch}-{writer}-{}", event().id());
    let (mut count, mut expected) = (0, Expected::Empty);
    while began.elapsed() < plan.time {
        let events: Vec<_> = (0..batch).map(|_| event()).collect();
        let mut tx = store.db().begin_write().await?;
        let appended = store.append(&mut tx, &stream, expected, &events).await?;
        tx.commit().await?;
        expected = Expected::Version(appended.version);
        count += batch;
    }
    Ok(count)
}

/// Loads a stream of a hundred events again and again.
async fn load(store: &EventStore, plan: Plan) -> Result<(), Failed> {
    let stream = format!("load-{}", event().id());
    let events: Vec<_> = (0..100).map(|_| event()).collect();
    let mut tx = store.db().begin_write().await?;
    store
        .append(&mut tx, &stream, Expected::Empty, &events)
        .await?;
    tx.commit().await?;
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < plan.time {
        let mut connection = store.db().pool().acquire().await?;
        count += store.load(&mut connection, &stream, 0, 100).await?.len();
    }
    print("loaded, a stream of 100 at a time", count, began.elapsed());
    Ok(())
}

/// One row for each stream.
struct Totals;

impl Projection for Totals {
    const NAME: &'static str = "bench_totals";
    const VERSION: i64 = 1;
    const TABLES: &'static [Table] = &[Table::new(
        "bench_totals",
        &["CREATE TABLE {table} (stream TEXT PRIMARY KEY, events BIGINT NOT NULL)"],
    )];

    async fn apply(&self, tx: &mut Tx, view: &View, event: &Recorded) -> Result<(), BoxError> {
        sqlx::query(view.sql(
            "INSERT INTO {bench_totals} (stream, events) VALUES ($1, 1)
             ON CONFLICT (stream) DO UPDATE SET events = {bench_totals}.events + 1",
        ))
        .bind(&event.stream)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Projects what the other rows have appended, and all of it again beside the live view.
async fn project(store: &EventStore, plan: Plan) -> Result<(), Failed> {
    let runner = Runner::new(store, Totals);
    for what in [
        "projected, 200 in a transaction",
        "projected anew beside the live view",
    ] {
        runner.rebuild().await?;
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < plan.time {
            let progress = runner.pass().await?;
            count += progress.events;
            if !progress.more {
                break;
            }
        }
        print(what, count, began.elapsed());
        // To its end, so that the next row begins with a view that is live.
        while runner.pass().await?.more {}
    }
    Ok(())
}
