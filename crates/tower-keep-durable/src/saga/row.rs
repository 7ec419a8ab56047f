use sqlx::{Row as _, any::AnyRow};

use super::{SagaError, Status, state::Position};

/// The columns of [`Row`].
pub(super) const COLUMNS: &str = "id, name, plan, shape, status, resume, cursor, undo_left, attempt, \
     not_sent, ambiguous, failing_since, error, epoch, lease_until, next_at, deadline_at, state, \
     correlation, traceparent, created_at, logged_at";

/// A row of `keep_sagas`.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) plan: String,
    pub(super) shape: String,
    pub(super) position: Position,
    pub(super) error: Option<String>,
    pub(super) epoch: i64,
    pub(super) lease_until: i64,
    pub(super) deadline_at: i64,
    pub(super) state: String,
    pub(super) correlation: String,
    pub(super) traceparent: Option<String>,
    pub(super) created_at: i64,
    pub(super) logged_at: i64,
}

impl Row {
    pub(super) fn read(row: &AnyRow) -> Result<Self, SagaError> {
        let id: String = row.try_get("id")?;
        let status = |column: &'static str, value: &str| {
            Status::parse(value).ok_or_else(|| SagaError::Unreadable {
                id: id.clone(),
                column,
                value: value.to_owned(),
            })
        };
        let resume: Option<String> = row.try_get("resume")?;
        let position = Position {
            status: status("status", row.try_get("status")?)?,
            resume: resume.map(|word| status("resume", &word)).transpose()?,
            cursor: usize::try_from(row.try_get::<i64, _>("cursor")?).unwrap_or_default(),
            undo_left: row.try_get::<i64, _>("undo_left")?.cast_unsigned(),
            attempt: count(row.try_get("attempt")?),
            not_sent: count(row.try_get("not_sent")?),
            ambiguous: row.try_get::<i64, _>("ambiguous")? != 0,
            failing_since: row.try_get("failing_since")?,
            next_at: row.try_get("next_at")?,
        };
        Ok(Self {
            name: row.try_get("name")?,
            plan: row.try_get("plan")?,
            shape: row.try_get("shape")?,
            position,
            error: row.try_get("error")?,
            epoch: row.try_get("epoch")?,
            lease_until: row.try_get("lease_until")?,
            deadline_at: row.try_get("deadline_at")?,
            state: row.try_get("state")?,
            correlation: row.try_get("correlation")?,
            traceparent: row.try_get("traceparent")?,
            created_at: row.try_get("created_at")?,
            logged_at: row.try_get("logged_at")?,
            id,
        })
    }
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
