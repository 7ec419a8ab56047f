//! What a consumer does with its letters.

use std::time::Duration;

use crate::{Db, db::micros};

/// A letter that may be handled.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) id: i64,
    pub(crate) lane: String,
    pub(crate) body: String,
    pub(crate) attempts: i64,
    pub(crate) tries: i64,
}

type Row = (i64, String, String, i64, i64);

fn read((id, lane, body, attempts, tries): Row) -> Due {
    Due {
        id,
        lane,
        body,
        attempts,
        tries,
    }
}

/// The first open letter of each lane, where it may be handled now.
pub(crate) async fn due(db: &Db, consumer: &str, limit: u32) -> Result<Vec<Due>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, lane, body, attempts, tries FROM keep_letters
         WHERE id IN (SELECT MIN(id) FROM keep_letters
                      WHERE consumer = $1 AND state IN ('dead', 'released', 'parked')
                      GROUP BY lane)
           AND state <> 'dead' AND due_at <= $2
         ORDER BY id LIMIT $3",
    )
    .bind(consumer)
    .bind(db.now())
    .bind(i64::from(limit))
    .fetch_all(db.pool())
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

/// The same for one lane.
pub(crate) async fn next_in_lane(
    db: &Db,
    consumer: &str,
    lane: &str,
) -> Result<Option<Due>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, lane, body, attempts, tries FROM keep_letters
         WHERE id = (SELECT MIN(id) FROM keep_letters
                     WHERE consumer = $1 AND lane = $2
                       AND state IN ('dead', 'released', 'parked'))
           AND state <> 'dead' AND due_at <= $3",
    )
    .bind(consumer)
    .bind(lane)
    .bind(db.now())
    .fetch_optional(db.pool())
    .await?;
    Ok(row.map(read))
}

/// Counts a try before it is made; false if another worker has the letter, or it is closed.
pub(crate) async fn begin(db: &Db, letter: &mut Due) -> Result<bool, sqlx::Error> {
    let begin = sqlx::query(
        "UPDATE keep_letters SET attempts = attempts + 1, tries = tries + 1, last_at = $1
         WHERE id = $2 AND attempts = $3 AND state IN ('released', 'parked')",
    )
    .bind(db.now())
    .bind(letter.id)
    .bind(letter.attempts);
    let begun = db.execute(begin).await?;
    letter.attempts += 1;
    letter.tries += 1;
    Ok(begun == 1)
}

/// It was handled. Whoever says so is right, outdated or not.
pub(crate) async fn succeed(db: &Db, letter: &Due) -> Result<(), sqlx::Error> {
    let replayed = sqlx::query(
        "UPDATE keep_letters SET state = 'replayed', last_at = $1
         WHERE id = $2 AND state IN ('dead', 'released', 'parked')",
    )
    .bind(db.now())
    .bind(letter.id);
    db.execute(replayed).await.map(drop)
}

/// It is dead again, unless somebody else has taken it up meanwhile.
pub(crate) async fn fail(db: &Db, letter: &Due, reason: &str) -> Result<(), sqlx::Error> {
    let dead = sqlx::query(
        "UPDATE keep_letters SET state = 'dead', reason = $1, last_at = $2
         WHERE id = $3 AND attempts = $4 AND state IN ('released', 'parked')",
    )
    .bind(reason)
    .bind(db.now())
    .bind(letter.id)
    .bind(letter.attempts);
    db.execute(dead).await.map(drop)
}

/// Again after `delay`; `uncounted` if the try was none, since nothing was sent.
pub(crate) async fn put_off(
    db: &Db,
    letter: &Due,
    reason: &str,
    delay: Duration,
    uncounted: bool,
) -> Result<(), sqlx::Error> {
    let back = i64::from(uncounted);
    let later = sqlx::query(
        "UPDATE keep_letters SET due_at = $1, reason = $2, tries = tries - $3
         WHERE id = $4 AND attempts = $5 AND state IN ('released', 'parked')",
    )
    .bind(db.now().saturating_add(micros(delay)))
    .bind(reason)
    .bind(back)
    .bind(letter.id)
    .bind(letter.attempts);
    db.execute(later).await.map(drop)
}

/// Deletes at most `limit` of the letters that were closed longer than `retention` ago; how many.
pub(crate) async fn purge(
    db: &Db,
    consumer: &str,
    retention: Duration,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query(
        "DELETE FROM keep_letters WHERE id IN (
            SELECT id FROM keep_letters
            WHERE consumer = $1 AND last_at < $2 AND state IN ('replayed', 'discarded')
            ORDER BY last_at LIMIT $3)",
    )
    .bind(consumer)
    .bind(db.now().saturating_sub(micros(retention)))
    .bind(i64::from(limit))
    .execute(db.pool())
    .await?;
    Ok(deleted.rows_affected())
}
