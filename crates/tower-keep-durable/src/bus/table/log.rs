//! The statements that write. Each runs within the transaction of the writer.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::operation::{Change, Claim, ClaimId, Free, Row, Skip, Then};
use crate::{
    Tx,
    db::{Engine, micros},
};

/// First of the two numbers of the lock on a partition of the log, on PostgreSQL.
const LOCKS: i64 = 7302;

/// How many rows one statement adds; few sizes, so that the prepared statements are few.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// Holds back all others that publish to these partitions until this transaction ends.
///
/// PostgreSQL gives out positions before it commits them: without this, a cursor that has passed a
/// later position would never see an earlier one whose transaction took longer. SQLite has one writer
/// anyway. In ascending order, so that two never wait for each other.
pub(super) async fn lock(
    tx: &mut Tx,
    engine: Engine,
    parts: &BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    if engine == Engine::Postgres {
        for part in parts {
            // One number of 64 bits; the cast of the result is for `Any`, which cannot decode `void`.
            sqlx::query("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)")
                .bind((LOCKS << 32) | part)
                .execute(&mut **tx)
                .await?;
        }
    }
    Ok(())
}

/// Adds the rows in their order.
pub(super) async fn append(tx: &mut Tx, rows: &[Row], now: i64) -> Result<(), sqlx::Error> {
    let mut rest = rows;
    while !rest.is_empty() {
        let size = SIZES.into_iter().find(|size| *size <= rest.len());
        let (now_these, later) = rest.split_at(size.unwrap_or(1));
        rest = later;
        let values: Vec<_> = (0..now_these.len())
            .map(|row| {
                [1, 2, 3, 4]
                    .map(|column| format!("${}", row * 4 + column))
                    .join(", ")
            })
            .map(|row| format!("({row})"))
            .collect();
        let statement = format!(
            "INSERT INTO keep_bus_events (part, kind, body, published_at) VALUES {}",
            values.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for row in now_these {
            query = query
                .bind(row.part)
                .bind(&*row.kind)
                .bind(&*row.body)
                .bind(now);
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Takes the first of `free` that still is. Another process may have been faster.
pub(super) async fn claim(
    tx: &mut Tx,
    group: &str,
    free: &[Free],
    now: i64,
    leased_until: i64,
) -> Result<Option<Claim>, sqlx::Error> {
    for Free { part, epoch } in free {
        let taken: Option<(i64, i64, i64)> = sqlx::query_as(
            "UPDATE keep_bus_cursors
             SET epoch = epoch + 1, attempts = attempts + 1, leased_until = $1
             WHERE consumer = $2 AND part = $3 AND epoch = $4
                 AND leased_until <= $5 AND not_before <= $5
             RETURNING epoch, passed, attempts",
        )
        .bind(leased_until)
        .bind(group)
        .bind(part)
        .bind(epoch)
        .bind(now)
        .fetch_optional(&mut **tx)
        .await?;
        if let Some((epoch, passed, attempts)) = taken {
            let part = *part;
            return Ok(Some(Claim {
                id: ClaimId { part, epoch },
                passed,
                attempts,
                leased_until,
            }));
        }
    }
    Ok(None)
}

/// Moves cursors that nobody works on over what the group does not want.
pub(super) async fn skip(
    tx: &mut Tx,
    group: &str,
    skips: &[Skip],
    now: i64,
) -> Result<(), sqlx::Error> {
    for skip in skips {
        sqlx::query(
            "UPDATE keep_bus_cursors SET passed = $1
             WHERE consumer = $2 AND part = $3 AND epoch = $4 AND passed = $5
                 AND leased_until <= $6",
        )
        .bind(skip.to)
        .bind(group)
        .bind(skip.part)
        .bind(skip.epoch)
        .bind(skip.from)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Changes a claimed partition; false if another has claimed it meanwhile.
pub(super) async fn change(
    tx: &mut Tx,
    group: &str,
    claim: ClaimId,
    change: Change,
    now: i64,
    leased_until: i64,
) -> Result<bool, sqlx::Error> {
    // `Any` has no boolean: the numbers say what to set.
    let query = match change {
        Change::Pass { to, then } => {
            let (attempts, until) = match then {
                Then::GiveBack { .. } => (0_i64, 0),
                Then::Next => (1, leased_until),
            };
            sqlx::query(
                "UPDATE keep_bus_cursors
                 SET passed = $4, attempts = $5, leased_until = $6, not_before = 0
                 WHERE consumer = $1 AND part = $2 AND epoch = $3",
            )
            .bind(group)
            .bind(claim.part)
            .bind(claim.epoch)
            .bind(to)
            .bind(attempts)
            .bind(until)
        }
        Change::Retry { delay } => sqlx::query(
            "UPDATE keep_bus_cursors SET leased_until = 0, not_before = $4
             WHERE consumer = $1 AND part = $2 AND epoch = $3",
        )
        .bind(group)
        .bind(claim.part)
        .bind(claim.epoch)
        .bind(now.saturating_add(micros(delay))),
        Change::Keep => sqlx::query(
            "UPDATE keep_bus_cursors SET leased_until = $4
             WHERE consumer = $1 AND part = $2 AND epoch = $3",
        )
        .bind(group)
        .bind(claim.part)
        .bind(claim.epoch)
        .bind(leased_until),
        Change::GiveBack { untouched } => sqlx::query(
            "UPDATE keep_bus_cursors SET leased_until = 0, attempts = attempts - $4
             WHERE consumer = $1 AND part = $2 AND epoch = $3",
        )
        .bind(group)
        .bind(claim.part)
        .bind(claim.epoch)
        .bind(i64::from(untouched)),
    };
    Ok(query.execute(&mut **tx).await?.rows_affected() == 1)
}
