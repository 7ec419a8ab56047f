use std::time::Duration;

use crate::{Db, db::micros};

/// How many events go in one transaction at most, so that publishers need not wait long.
const AT_ONCE: i64 = 1000;

/// Removes events that every group has passed and that are older than this: at most a thousand of
/// each partition, oldest first. Gives how many there were. A bus that is subscribed to does it by
/// itself, once a minute.
///
/// # Errors
/// The database does not answer.
pub async fn remove_passed(db: &Db, older_than: Duration) -> Result<u64, sqlx::Error> {
    let before = db.now().saturating_sub(micros(older_than));
    let parts: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT p.part, (SELECT MIN(passed) FROM keep_bus_cursors c WHERE c.part = p.part)
         FROM (SELECT DISTINCT part FROM keep_bus_events) p",
    )
    .fetch_all(db.pool())
    .await?;
    let mut removed = 0;
    for (part, passed) in parts {
        let mut tx = db.begin_write().await?;
        removed += sqlx::query(
            "DELETE FROM keep_bus_events WHERE position IN
                 (SELECT position FROM keep_bus_events
                  WHERE part = $1 AND position <= $2 AND published_at < $3
                  ORDER BY position LIMIT $4)",
        )
        .bind(part)
        // Without any group nobody will ever see it: a new one begins with what comes then.
        .bind(passed.unwrap_or(i64::MAX))
        .bind(before)
        .bind(AT_ONCE)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
    }
    Ok(removed)
}

/// Forgets a group that will not come back, which would keep all events for ever. True if there was
/// one. If it comes back, it begins anew with what is published then.
///
/// # Errors
/// The database does not answer.
pub async fn forget_group(db: &Db, group: &str) -> Result<bool, sqlx::Error> {
    let mut tx = db.begin_write().await?;
    let forgotten = sqlx::query("DELETE FROM keep_bus_cursors WHERE consumer = $1")
        .bind(group)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(forgotten.rows_affected() > 0)
}
