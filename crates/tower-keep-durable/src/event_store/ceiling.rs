//! How far the log can be read without a gap that is filled later.
//!
//! SQLite has one writer at a time, so positions are in the order of commits. PostgreSQL gives
//! positions before the commit: a reader that has seen 8 may still be shown 7. Filtering by
//! transaction ids (`< pg_snapshot_xmin`) needs a cursor ordered by them as well, and that breaks the
//! order within a stream, since a transaction has its id from its first write on and may append to a
//! stream after one that began later. So whoever appends first announces, by a shared advisory lock
//! until the end of its transaction, the last position that was given when it came: its own are all
//! greater. A reader takes the last position given, then the least announced one, then the rows up to
//! the lesser: those who came before have committed and are visible (PostgreSQL lets go of locks
//! after the commit is visible), those who announced are not passed, those who come later get
//! positions beyond. Nobody waits for anybody.

use sqlx::AnyConnection;

use crate::{Db, Tx, db::Engine};

/// The first of the two numbers of our advisory locks: "keep" in ASCII.
const CLASS: i32 = 0x6b65_6570;

/// The second number is the last position given, as far as it fits in.
const BITS: i64 = 0x7fff_ffff;

/// Says that positions after the last one given may come later than others. Once in a transaction is
/// enough; it must be before the first insert.
pub(super) async fn announce(db: &Db, tx: &mut Tx) -> Result<(), sqlx::Error> {
    if db.engine() == Engine::Sqlite {
        return Ok(());
    }
    // The setting is of the transaction, like the lock: a savepoint takes both back.
    sqlx::query(
        "SELECT CASE WHEN COALESCE(current_setting('keep.announced', true), '') <> '1'
            THEN CAST(pg_advisory_xact_lock_shared($1, CAST(
                    (last_value - CASE WHEN is_called THEN 0 ELSE 1 END) & $2 AS INTEGER)) AS TEXT)
                || set_config('keep.announced', '1', true) END
         FROM keep_events_position_seq",
    )
    .bind(CLASS)
    .bind(BITS)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Up to which position everything has been decided: it is there, or will never be.
pub(super) async fn find(db: &Db, connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    if db.engine() == Engine::Sqlite {
        let (last,): (i64,) =
            sqlx::query_as("SELECT CAST(COALESCE(MAX(position), 0) AS BIGINT) FROM keep_events")
                .fetch_one(connection)
                .await?;
        return Ok(last);
    }
    let (last,): (i64,) = sqlx::query_as(
        "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM keep_events_position_seq",
    )
    .fetch_one(&mut *connection)
    .await?;
    // A statement of its own, after the first. Announced beyond `last`, the difference wraps around.
    let (behind,): (i64,) = sqlx::query_as(
        "SELECT CAST(COALESCE(MAX(behind), 0) AS BIGINT) FROM (
            SELECT ($1 - CAST(objid AS BIGINT)) & $2 AS behind FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 2 AND CAST(classid AS BIGINT) = $3
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         ) announced WHERE behind <= $2 / 2",
    )
    .bind(last)
    .bind(BITS)
    .bind(i64::from(CLASS))
    .fetch_one(connection)
    .await?;
    Ok(last - behind)
}
