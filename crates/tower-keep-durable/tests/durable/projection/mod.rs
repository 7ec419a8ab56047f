//! Read models: applied once, rebuilt beside the live one, waited for.

mod apply;
mod model;
mod rebuild;
mod reference;
mod sweep;

use std::{
    pin::pin,
    task::{Context, Poll},
};

use tower_keep_durable::{
    BoxError, Db, Tx,
    bus::Types,
    db::Schema,
    event_store::{self, EventStore, Expected, Recorded},
    outbox,
    projection::{self, Projection, Runner, Table, View},
};

use crate::event_store::{added, append};

pub(crate) const SCHEMAS: [Schema; 3] = [event_store::SCHEMA, outbox::SCHEMA, projection::SCHEMA];

/// The sum of each stream; a later version of the code doubles it. `POISON` cannot be applied.
pub(crate) struct Sums<const VERSION: i64>;

pub(crate) const POISON: i64 = 666;

impl<const VERSION: i64> Projection for Sums<VERSION> {
    const NAME: &'static str = "sums";
    const VERSION: i64 = VERSION;
    const TABLES: &'static [Table] = &[Table::new(
        "sums",
        &[
            "CREATE TABLE {table} (stream TEXT PRIMARY KEY, total BIGINT NOT NULL, events BIGINT NOT NULL)",
            "CREATE INDEX {table}_total ON {table} (total)",
        ],
    )];

    fn types(&self) -> Types {
        Types::of(["test.added.*"])
    }

    async fn apply(&self, tx: &mut Tx, view: &View, event: &Recorded) -> Result<(), BoxError> {
        let n: i64 = event.read()?;
        if n == POISON {
            return Err("poison".into());
        }
        sqlx::query(view.sql(
            "INSERT INTO {sums} (stream, total, events) VALUES ($1, $2, 1)
             ON CONFLICT (stream) DO UPDATE
             SET total = {sums}.total + $2, events = {sums}.events + 1",
        ))
        .bind(&event.stream)
        .bind(n * VERSION)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

pub(crate) fn runner<const VERSION: i64>(db: &Db) -> Runner<Sums<VERSION>> {
    Runner::new(&EventStore::new(db), Sums)
}

/// Appends one event for each number, each in a transaction of its own. The position of the last.
pub(crate) async fn add(db: &Db, stream: &str, numbers: impl IntoIterator<Item = i64>) -> i64 {
    let mut position = 0;
    for n in numbers {
        let appended = append(db, stream, Expected::Any, &[added(n)]).await;
        position = appended.unwrap().position;
    }
    position
}

pub(crate) async fn drain<P: Projection>(runner: &Runner<P>) {
    while runner.pass().await.unwrap().more {}
}

/// The sum and the number of events of all streams, as readers see them.
pub(crate) async fn shown(db: &Db) -> (i64, i64) {
    sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT), CAST(COALESCE(SUM(events), 0) AS BIGINT)
         FROM sums",
    )
    .fetch_one(db.pool())
    .await
    .unwrap()
}

/// Up to where the view is, and what it shows, at one instant: what was cut off may still commit.
pub(crate) async fn seen(db: &Db) -> (i64, (i64, i64)) {
    let (position, total, events) = sqlx::query_as(
        "SELECT (SELECT position FROM keep_projections WHERE live = 1),
            CAST(COALESCE(SUM(total), 0) AS BIGINT), CAST(COALESCE(SUM(events), 0) AS BIGINT)
         FROM sums",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    (position, (total, events))
}

/// The sum and the number of the events up to this position.
pub(crate) async fn expected(db: &Db, position: i64) -> (i64, i64) {
    let log = EventStore::new(db).read_all(0, 10_000).await.unwrap();
    let seen = log.iter().filter(|event| event.position <= position);
    seen.fold((0, 0), |(sum, n), event| {
        (sum + event.read::<i64>().unwrap(), n + 1)
    })
}

/// The numbers of the generations that there are of the view.
pub(crate) async fn generations(db: &Db) -> Vec<i64> {
    let rows: Vec<(i64,)> =
        sqlx::query_as("SELECT generation FROM keep_projections ORDER BY generation")
            .fetch_all(db.pool())
            .await
            .unwrap();
    rows.into_iter().map(|row| row.0).collect()
}

/// Polls the future until it has been pending so many times, and drops it then.
pub(crate) async fn cut_off<T>(future: impl Future<Output = T>, pendings: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = pendings;
    std::future::poll_fn(|cx: &mut Context<'_>| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
