use sqlx::AssertSqlSafe;

use crate::{Db, common::places::places};

/// An event that waits to be published.
pub(super) struct Row {
    pub(super) position: i64,
    pub(super) key: Option<String>,
    pub(super) body: String,
}

/// The first events that wait and are not behind a refused one. By what is unsent and never from
/// where the last batch ended: a transaction that began earlier may commit later.
pub(super) async fn unsent(db: &Db, limit: u32) -> Result<Vec<Row>, sqlx::Error> {
    let rows: Vec<(i64, Option<String>, String)> = sqlx::query_as(
        "SELECT position, key, body FROM keep_outbox AS waiting
         WHERE sent_at IS NULL AND refused IS NULL AND NOT EXISTS (
            SELECT 1 FROM keep_outbox AS head
            WHERE head.refused IS NOT NULL AND head.sent_at IS NULL
              AND head.key = waiting.key AND head.position < waiting.position)
         ORDER BY position LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(db.pool())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(position, key, body)| Row {
            position,
            key,
            body,
        })
        .collect())
}

/// Notes that the bus has these.
pub(super) async fn mark_sent(db: &Db, positions: &[i64]) -> Result<(), sqlx::Error> {
    if positions.is_empty() {
        return Ok(());
    }
    // By position, one by one: a range would take in what committed meanwhile.
    let mut query = sqlx::query(AssertSqlSafe(format!(
        "UPDATE keep_outbox SET sent_at = $1, refused = NULL
         WHERE sent_at IS NULL AND position IN ({})",
        places(2, positions.len())
    )))
    .bind(db.now());
    for position in positions {
        query = query.bind(*position);
    }
    db.execute(query).await.map(drop)
}

/// Notes that the bus will never take this one, unless it was sent meanwhile.
pub(super) async fn set_aside(db: &Db, position: i64, reason: &str) -> Result<(), sqlx::Error> {
    let aside =
        sqlx::query("UPDATE keep_outbox SET refused = $1 WHERE position = $2 AND sent_at IS NULL")
            .bind(reason)
            .bind(position);
    db.execute(aside).await.map(drop)
}

/// Deletes some of what was done with before `before`; how many.
pub(super) async fn purge(db: &Db, before: i64, limit: u32) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query(
        "DELETE FROM keep_outbox WHERE position IN (
            SELECT position FROM keep_outbox WHERE sent_at < $1 ORDER BY sent_at LIMIT $2)",
    )
    .bind(before)
    .bind(i64::from(limit))
    .execute(db.pool())
    .await?;
    Ok(deleted.rows_affected())
}
