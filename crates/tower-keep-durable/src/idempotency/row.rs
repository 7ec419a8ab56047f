//! The statements on one row that more than one file needs.

use sqlx::{AnyConnection, FromRow, Row as _, any::AnyRow};
use tower_keep::idempotency::Fingerprint;

use super::{Answer, Key, Ticket};

/// A row as it is read.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) fingerprint: Option<Vec<u8>>,
    pub(super) state: String,
    pub(super) subject: String,
    pub(super) owner: String,
    pub(super) leased_until: i64,
    pub(super) expires_at: i64,
    status: Option<i64>,
    headers: Option<String>,
    body: Option<Vec<u8>>,
}

impl FromRow<'_, AnyRow> for Row {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            fingerprint: row.try_get("fingerprint")?,
            state: row.try_get("state")?,
            subject: row.try_get("subject")?,
            owner: row.try_get("owner")?,
            leased_until: row.try_get("leased_until")?,
            expires_at: row.try_get("expires_at")?,
            status: row.try_get("status")?,
            headers: row.try_get("headers")?,
            body: row.try_get("body")?,
        })
    }
}

impl Row {
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        let bytes = self.fingerprint.as_deref()?.try_into().ok()?;
        Some(Fingerprint::from_bytes(bytes))
    }

    pub(super) fn answer(self) -> Result<Option<Answer>, sqlx::Error> {
        let (Some(status), Some(headers)) = (self.status, self.headers) else {
            return Ok(None);
        };
        let headers =
            serde_json::from_str(&headers).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let status = u16::try_from(status).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Some(Answer {
            status,
            headers,
            body: self.body.unwrap_or_default().into(),
            replayed: true,
        }))
    }
}

pub(super) async fn read(
    connection: &mut AnyConnection,
    key: &Key,
) -> Result<Option<Row>, sqlx::Error> {
    sqlx::query_as(
        "SELECT fingerprint, state, subject, owner, leased_until, expires_at, status, headers, body
         FROM keep_idempotency WHERE scope = $1 AND id = $2",
    )
    .bind(&key.scope)
    .bind(&key.id)
    .fetch_optional(connection)
    .await
}

/// Ends an execution. `again` replaces what the same execution has recorded before. False if it
/// belongs to another by now.
pub(super) async fn record(
    connection: &mut AnyConnection,
    ticket: &Ticket,
    answer: Option<&Answer>,
    fingerprint: Option<Fingerprint>,
    expires_at: i64,
    again: bool,
) -> Result<bool, sqlx::Error> {
    let rejected = answer.is_some_and(Answer::is_rejection);
    let headers = answer.map(|answer| {
        serde_json::to_string(&answer.headers).expect("pairs of text are plain data")
    });
    let ended = sqlx::query(
        "UPDATE keep_idempotency SET state = $1, status = $2, headers = $3, body = $4,
            fingerprint = COALESCE($5, fingerprint), expires_at = $6
         WHERE scope = $7 AND id = $8 AND owner = $9
            AND (state = 'running' OR (state IN ('answered', 'rejected') AND $10 = 1))",
    )
    .bind(if rejected { "rejected" } else { "answered" })
    .bind(answer.map(|answer| i64::from(answer.status)))
    .bind(headers)
    .bind(answer.map(|answer| answer.body.to_vec()))
    .bind(fingerprint.map(|fingerprint| fingerprint.to_bytes().to_vec()))
    .bind(expires_at)
    .bind(&ticket.key.scope)
    .bind(&ticket.key.id)
    .bind(&ticket.owner)
    .bind(i64::from(again))
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Frees a key that was begun and not finished.
pub(super) async fn release(
    connection: &mut AnyConnection,
    ticket: &Ticket,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM keep_idempotency
         WHERE scope = $1 AND id = $2 AND owner = $3 AND state = 'running'",
    )
    .bind(&ticket.key.scope)
    .bind(&ticket.key.id)
    .bind(&ticket.owner)
    .execute(connection)
    .await
    .map(drop)
}

/// Whether it was this execution that ended the key.
pub(super) async fn ended_by(
    connection: &mut AnyConnection,
    ticket: &Ticket,
) -> Result<bool, sqlx::Error> {
    let row = read(connection, &ticket.key).await?;
    Ok(row.is_some_and(|row| row.owner == ticket.owner && row.state != "running"))
}
