//! The statements of the worker.

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::{
    SagaError,
    registry::Registry,
    row::{COLUMNS, Row},
    state::Position,
};
use crate::{
    Db, Tx,
    db::{micros, place},
};

/// What is written of an outcome.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) event: &'static str,
    pub(super) step: &'a str,
    pub(super) attempt: u32,
    pub(super) error: Option<&'a str>,
}

/// Takes the saga that has been due for longest, of the plans that are known here, for the length of
/// the lease.
///
/// Whoever finds a lease that was not given back finds a try that nobody knows the end of.
pub(super) async fn claim(
    db: &Db,
    registry: &Registry,
    lease: Duration,
) -> Result<Option<Row>, SagaError> {
    let (known, due_known) = (registry.condition(3), registry.condition(2));
    let ambiguous = if cfg!(saga_mutant = "F") {
        "ambiguous"
    } else {
        "CASE WHEN lease_until > 0 THEN 1 ELSE ambiguous END"
    };
    // The lease again outside: on PostgreSQL the row is looked at once more when its lock is there.
    let sql = format!(
        "UPDATE keep_sagas SET epoch = epoch + 1, lease_until = $1, ambiguous = {ambiguous}
         WHERE id = (SELECT id FROM keep_sagas
                     WHERE status IN ('running', 'compensating') AND lease_until < $2
                       AND next_at <= $2 AND {known}
                     ORDER BY next_at LIMIT 1)
           AND lease_until < $2 AND next_at <= $2 AND status IN ('running', 'compensating')
         RETURNING {COLUMNS}"
    );
    let due = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM keep_sagas
         WHERE status IN ('running', 'compensating') AND lease_until < $1
           AND next_at <= $1 AND {due_known} LIMIT 1) AS due"
    );
    // Another worker may take the same row first; then there may be a next one.
    for _ in 0..8 {
        let now = db.now();
        let query = sqlx::query(AssertSqlSafe(due.clone())).bind(now);
        let row = registry.bind(query).fetch_one(db.pool()).await?;
        if row.try_get::<i64, _>(0)? == 0 {
            return Ok(None);
        }
        let query = sqlx::query(AssertSqlSafe(sql.clone()))
            .bind(now.saturating_add(micros(lease)))
            .bind(now);
        place("before a saga is claimed");
        if let Some(row) = registry.bind(query).fetch_optional(db.pool()).await? {
            place("after a saga is claimed");
            return Row::read(&row).map(Some);
        }
    }
    Ok(None)
}

/// Prolongs the lease; false if the saga is somebody else's now.
pub(super) async fn renew(db: &Db, row: &Row, lease: Duration) -> Result<bool, sqlx::Error> {
    let until = db.now().saturating_add(micros(lease));
    let kept = sqlx::query("UPDATE keep_sagas SET lease_until = $1 WHERE id = $2 AND epoch = $3")
        .bind(until)
        .bind(&row.id)
        .bind(row.epoch)
        .execute(db.pool())
        .await?;
    Ok(kept.rows_affected() == 1)
}

/// Gives the saga back untouched.
pub(super) async fn release(db: &Db, row: &Row) -> Result<(), sqlx::Error> {
    let released =
        sqlx::query("UPDATE keep_sagas SET lease_until = 0 WHERE id = $1 AND epoch = $2")
            .bind(&row.id)
            .bind(row.epoch);
    db.execute(released).await.map(drop)
}

/// Writes where the saga is now and what led there; false if it is somebody else's by now, and then
/// the transaction must not be committed.
pub(super) async fn write(
    tx: &mut Tx,
    row: &Row,
    to: &Position,
    lease_until: i64,
    entry: &Entry<'_>,
    now: i64,
) -> Result<bool, sqlx::Error> {
    let fence = if cfg!(saga_mutant = "N") {
        "$14 = $14"
    } else {
        "epoch = $14"
    };
    let sql = format!(
        "UPDATE keep_sagas SET status = $1, resume = $2, cursor = $3, undo_left = $4, attempt = $5,
             not_sent = $6, ambiguous = $7, failing_since = $8, next_at = $9, lease_until = $10,
             state = $11, error = $12, logged_at = $15, seq = seq + 1
         WHERE id = $13 AND {fence} RETURNING seq"
    );
    let written = sqlx::query(AssertSqlSafe(sql))
        .bind(to.status.as_str())
        .bind(to.resume.map(|status| status.as_str()))
        .bind(i64::try_from(to.cursor).unwrap_or_default())
        .bind(to.undo_left.cast_signed())
        .bind(i64::from(to.attempt))
        .bind(i64::from(to.not_sent))
        .bind(i64::from(to.ambiguous))
        .bind(to.failing_since)
        .bind(to.next_at)
        .bind(lease_until)
        .bind(&row.state)
        .bind(entry.error)
        .bind(&row.id)
        .bind(row.epoch)
        .bind(now)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(written) = written else {
        return Ok(false);
    };
    let data = json!({ "error": entry.error, "next_at": to.next_at, "ambiguous": to.ambiguous });
    log(
        tx,
        &row.id,
        written.try_get("seq")?,
        entry,
        (row.epoch, to.status.as_str(), &data.to_string()),
        now,
    )
    .await?;
    Ok(true)
}

/// Adds a line to the log.
pub(super) async fn log(
    tx: &mut Tx,
    id: &str,
    seq: i64,
    entry: &Entry<'_>,
    (epoch, status, data): (i64, &str, &str),
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO keep_saga_log (saga_id, seq, event, step, attempt, epoch, status, at, data)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(seq)
    .bind(entry.event)
    .bind(entry.step)
    .bind(i64::from(entry.attempt))
    .bind(epoch)
    .bind(status)
    .bind(now)
    .bind(data)
    .execute(&mut **tx)
    .await
    .map(drop)
}
