//! What a person does with sagas.

use sqlx::{AssertSqlSafe, Row as _};

use super::{
    SagaError, Sagas, Status,
    row::{COLUMNS, Row},
    store::{Entry, log},
};
use crate::Tx;

/// A saga, as an operator sees it. Times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its id.
    pub id: String,
    /// The name of its kind.
    pub name: String,
    /// Its plan and version.
    pub plan: String,
    /// Where it stands.
    pub status: Status,
    /// The step it is at.
    pub step: String,
    /// How many tries of it failed.
    pub attempt: u32,
    /// Whether one of them may have been executed.
    pub ambiguous: bool,
    /// What the last failure was.
    pub error: Option<String>,
    /// When it goes on.
    pub next_at: i64,
    /// Until when it may be undone by the clock.
    pub deadline_at: i64,
    /// Whether a worker has it, and until when others keep off; 0 if none.
    pub lease_until: i64,
    /// How many times it was taken by a worker or a person.
    pub epoch: i64,
    /// When it was started.
    pub created_at: i64,
    /// When it last got on.
    pub logged_at: i64,
    /// What it knows, as JSON.
    pub state: String,
}

/// A line of a saga's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Its number.
    pub seq: i64,
    /// What happened: `done`, `unknown`, `undone`.
    pub event: String,
    /// To which step.
    pub step: String,
    /// At which try.
    pub attempt: i64,
    /// Who wrote it.
    pub epoch: i64,
    /// Where the saga stands since.
    pub status: String,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The error and the next time, as JSON.
    pub data: String,
}

impl Sagas {
    /// The sagas of a status, or all that have not ended, the oldest first, `limit` at the most.
    ///
    /// # Errors
    /// The database fails; a row is of a version that is not known here.
    pub async fn list(&self, status: Option<Status>, limit: u32) -> Result<Vec<Record>, SagaError> {
        let which = match status {
            Some(status) => format!("status = '{status}'"),
            None => "status IN ('running', 'compensating', 'parked')".to_owned(),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM keep_sagas WHERE {which} ORDER BY created_at, id LIMIT $1"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(limit))
            .fetch_all(self.db.pool())
            .await?;
        rows.iter().map(|row| Row::read(row).map(record)).collect()
    }

    /// A saga, if there is one of this id.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn get(&self, id: &str) -> Result<Option<Record>, SagaError> {
        let sql = format!("SELECT {COLUMNS} FROM keep_sagas WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(self.db.pool())
            .await?;
        row.map(|row| Row::read(&row).map(record)).transpose()
    }

    /// The log of a saga, from its start.
    ///
    /// # Errors
    /// The database fails.
    pub async fn log(&self, id: &str) -> Result<Vec<LogLine>, SagaError> {
        let rows = sqlx::query(
            "SELECT seq, event, step, attempt, epoch, status, at, data
             FROM keep_saga_log WHERE saga_id = $1 ORDER BY seq",
        )
        .bind(id)
        .fetch_all(self.db.pool())
        .await?;
        let line = |row: &sqlx::any::AnyRow| -> Result<LogLine, SagaError> {
            Ok(LogLine {
                seq: row.try_get("seq")?,
                event: row.try_get("event")?,
                step: row.try_get("step")?,
                attempt: row.try_get("attempt")?,
                epoch: row.try_get("epoch")?,
                status: row.try_get("status")?,
                at: row.try_get("at")?,
                data: row.try_get("data")?,
            })
        };
        rows.iter().map(line).collect()
    }

    /// Has a saga go on now: one that is parked where it stopped, with all its tries; one that waits
    /// without waiting longer.
    ///
    /// # Errors
    /// There is none, or it has ended; the database fails.
    pub async fn retry(&self, id: &str) -> Result<(), SagaError> {
        let now = self.db.now();
        let mut tx = self.db.begin_write().await?;
        // A saga that a worker has at this moment needs no push.
        let pushed = sqlx::query(
            "UPDATE keep_sagas SET status = COALESCE(resume, status), resume = NULL, attempt = 0,
                 not_sent = 0, failing_since = NULL, next_at = $1, logged_at = $1,
                 epoch = epoch + 1, seq = seq + 1
             WHERE id = $2 AND status IN ('running', 'compensating', 'parked') AND lease_until = 0
             RETURNING seq, epoch, status",
        )
        .bind(now)
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
        match pushed {
            Some(row) => {
                let entry = ("retried", None, "{}");
                self.note(tx, id, &row, entry, now).await?;
            }
            None => {
                drop(tx);
                self.must_be_open(id).await?;
            }
        }
        self.wake();
        Ok(())
    }

    /// Gives a saga up for good: nothing of it is done or undone any more. What is left of it is
    /// somebody's work from now on, so it says why, and for whom: an abandoned saga is the beginning
    /// of an escalation and not its end.
    ///
    /// # Errors
    /// There is none, or it has ended; the database fails.
    pub async fn abandon(&self, id: &str, reason: &str, comment: &str) -> Result<(), SagaError> {
        let now = self.db.now();
        let mut tx = self.db.begin_write().await?;
        // The epoch fences whoever works on it.
        let abandoned = sqlx::query(
            "UPDATE keep_sagas SET status = 'abandoned', resume = NULL, lease_until = 0,
                 error = $1, logged_at = $2, epoch = epoch + 1, seq = seq + 1
             WHERE id = $3 AND status IN ('running', 'compensating', 'parked')
             RETURNING seq, epoch, status",
        )
        .bind(reason)
        .bind(now)
        .bind(id)
        .fetch_optional(&mut *tx)
        .await?;
        match abandoned {
            Some(row) => {
                let data = serde_json::json!({ "reason": reason, "comment": comment });
                let entry = ("abandoned", Some(reason), &*data.to_string());
                self.note(tx, id, &row, entry, now).await
            }
            None => {
                drop(tx);
                let status = self.must_be_open(id).await?;
                Err(ended(id, status))
            }
        }
    }

    async fn note(
        &self,
        mut tx: Tx,
        id: &str,
        row: &sqlx::any::AnyRow,
        (event, error, data): (&'static str, Option<&str>, &str),
        now: i64,
    ) -> Result<(), SagaError> {
        let entry = Entry {
            event,
            step: "",
            attempt: 0,
            error,
        };
        let status: &str = row.try_get("status")?;
        let place = (row.try_get("epoch")?, status, data);
        log(&mut tx, id, row.try_get("seq")?, &entry, place, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn must_be_open(&self, id: &str) -> Result<Status, SagaError> {
        let found = self.get(id).await?;
        let Some(record) = found else {
            return Err(SagaError::Missing(id.to_owned()));
        };
        match record.status.is_end() {
            true => Err(ended(id, record.status)),
            false => Ok(record.status),
        }
    }
}

fn ended(id: &str, status: Status) -> SagaError {
    SagaError::Ended {
        id: id.to_owned(),
        status,
    }
}

fn record(row: Row) -> Record {
    let step = row.shape.split(' ').nth(row.position.cursor);
    let step = step.unwrap_or_default().trim_start_matches(['-', '!', '+']);
    Record {
        step: step.to_owned(),
        status: row.position.status,
        attempt: row.position.attempt,
        ambiguous: row.position.ambiguous,
        next_at: row.position.next_at,
        id: row.id,
        name: row.name,
        plan: row.plan,
        error: row.error,
        deadline_at: row.deadline_at,
        lease_until: row.lease_until,
        epoch: row.epoch,
        created_at: row.created_at,
        logged_at: row.logged_at,
        state: row.state,
    }
}
