use std::time::Duration;

use crate::{Clock, Db, Event, Tx, db::micros};

/// Notes in the transaction that `consumer` handles this event; false if it has done so already.
///
/// On PostgreSQL it waits for another transaction that handles the same event at the moment.
///
/// # Errors
/// The database fails.
pub async fn remember(
    tx: &mut Tx,
    clock: &Clock,
    consumer: &str,
    event: &Event,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "INSERT INTO keep_inbox (consumer, source, id, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(consumer)
    .bind(event.source())
    .bind(event.id())
    .bind(clock.now())
    .execute(&mut **tx)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Whether `consumer` has handled this event.
pub(crate) async fn knows(tx: &mut Tx, consumer: &str, event: &Event) -> Result<bool, sqlx::Error> {
    let found: Option<(i64,)> =
        sqlx::query_as("SELECT at FROM keep_inbox WHERE consumer = $1 AND source = $2 AND id = $3")
            .bind(consumer)
            .bind(event.source())
            .bind(event.id())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(found.is_some())
}

/// Forgets at most `limit` of the events that `consumer` handled longer than `retention` ago; how
/// many. A [`Consumer`](crate::Consumer) does so by itself.
///
/// An event that comes again after that is handled again: `retention` must be longer than any bus
/// keeps an event, and than anybody waits to replay one.
///
/// # Errors
/// The database fails.
pub async fn purge(
    db: &Db,
    consumer: &str,
    retention: Duration,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query(
        "DELETE FROM keep_inbox WHERE consumer = $1 AND (source, id) IN (
            SELECT source, id FROM keep_inbox WHERE consumer = $1 AND at < $2
            ORDER BY at LIMIT $3)",
    )
    .bind(consumer)
    .bind(db.now().saturating_sub(micros(retention)))
    .bind(i64::from(limit))
    .execute(db.pool())
    .await?;
    Ok(deleted.rows_affected())
}
