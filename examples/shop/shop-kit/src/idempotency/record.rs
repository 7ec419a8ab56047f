use std::time::Duration;

use http::StatusCode;

use super::{Answer, Keyed};
use crate::{
    db::{Db, Tx, micros, now_micros},
    problem::Problem,
};

/// The table behind this module; a service adds it to its schema.
pub const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS idempotency (
    scope TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    subject TEXT NOT NULL, leased_until BIGINT NOT NULL, created_at BIGINT NOT NULL,
    status BIGINT, location TEXT, body TEXT, PRIMARY KEY (scope, idempotency_key))";

/// How long an answer is kept: a day, as payment providers do. [`forget_old`] removes older ones.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What [`begin`] found under the key.
#[derive(Debug, PartialEq)]
pub enum Begun {
    /// Nothing: do the work.
    Fresh,
    /// The work on this subject was begun and never answered; the lease is yours now.
    Abandoned(String),
    /// The answer of last time.
    Answered(Answer),
}

/// Takes the key, or says what is there already. `subject` names what the request works on; it
/// comes back in [`Begun::Abandoned`]. The lease matters only to work that outlives this
/// transaction.
///
/// # Errors
/// 422 when the key came with another payload, 409 with `Retry-After` while the first request
/// still runs, 500 when the database fails.
pub async fn begin(
    tx: &mut Tx,
    keyed: &Keyed,
    subject: &str,
    lease: Duration,
) -> Result<Begun, Problem> {
    let now = now_micros();
    let leased_until = now.saturating_add(micros(lease));
    let taken = sqlx::query(
        "INSERT INTO idempotency (scope, idempotency_key, fingerprint, subject, leased_until, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(keyed.scope)
    .bind(&keyed.key)
    .bind(&keyed.fingerprint)
    .bind(subject)
    .bind(leased_until)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Begun::Fresh);
    }
    let (fingerprint, subject, running_until, status, location, body): Row = sqlx::query_as(
        "SELECT fingerprint, subject, leased_until, status, location, body
         FROM idempotency WHERE scope = $1 AND idempotency_key = $2",
    )
    .bind(keyed.scope)
    .bind(&keyed.key)
    .fetch_one(&mut **tx)
    .await?;
    if fingerprint != keyed.fingerprint {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "this Idempotency-Key was used for a request with another payload",
        )
        .field("Idempotency-Key")
        .remedy("send a fresh key with the new payload"));
    }
    if let (Some(status), Some(body)) = (status, body) {
        let status = u16::try_from(status).unwrap_or(500);
        let body = serde_json::from_str(&body).unwrap_or_default();
        return Ok(Begun::Answered(Answer::replayed(status, location, body)));
    }
    if running_until > now {
        let left = Duration::from_micros(running_until.abs_diff(now)).min(Duration::from_secs(1));
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "request-in-progress",
            "the first request with this Idempotency-Key is still running",
        )
        .field("Idempotency-Key")
        .remedy("repeat the request after the Retry-After seconds")
        .retry_after(left));
    }
    // The comparison lets one of several repeaters take over.
    let taken = sqlx::query(
        "UPDATE idempotency SET leased_until = $1
         WHERE scope = $2 AND idempotency_key = $3 AND leased_until = $4",
    )
    .bind(leased_until)
    .bind(keyed.scope)
    .bind(&keyed.key)
    .bind(running_until)
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 0 {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "request-in-progress",
            "a repeat of this request is running",
        )
        .field("Idempotency-Key")
        .retry_after(lease));
    }
    Ok(Begun::Abandoned(subject))
}

/// Records the answer under the key.
///
/// # Errors
/// The database fails.
pub async fn finish(tx: &mut Tx, keyed: &Keyed, answer: &Answer) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE idempotency SET status = $1, location = $2, body = $3
         WHERE scope = $4 AND idempotency_key = $5",
    )
    .bind(i64::from(answer.status))
    .bind(&answer.location)
    .bind(answer.body.to_string())
    .bind(keyed.scope)
    .bind(&keyed.key)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Removes answers older than [`KEPT`]; a service calls it when it starts.
///
/// # Errors
/// The database fails.
pub async fn forget_old(db: &Db) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM idempotency WHERE created_at < $1 AND status IS NOT NULL")
        .bind(now_micros().saturating_sub(micros(KEPT)))
        .execute(db.pool())
        .await
        .map(drop)
}

type Row = (
    String,
    String,
    i64,
    Option<i64>,
    Option<String>,
    Option<String>,
);
