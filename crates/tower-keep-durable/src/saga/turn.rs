use serde::Deserialize;

use super::{Cx, StepError};

/// Where a saga turned back, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The step that could not be made.
    pub step: String,
    /// What happened to it, as the log calls it: `rejected`, `unknown`, `expired`.
    pub event: String,
    /// The error it had, as text.
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    error: Option<String>,
}

impl Cx {
    /// Why the saga is being undone; none as long as it is not. For an undo that has to tell
    /// somebody.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn turn(&self) -> Result<Option<Turn>, StepError> {
        let turned: Option<(String, String, String)> = sqlx::query_as(
            "SELECT step, event, data FROM keep_saga_log
             WHERE saga_id = $1 AND status = 'compensating' ORDER BY seq LIMIT 1",
        )
        .bind(self.saga_id())
        .fetch_optional(self.db().pool())
        .await?;
        let Some((step, event, data)) = turned else {
            return Ok(None);
        };
        let data: Data = serde_json::from_str(&data)?;
        Ok(Some(Turn {
            step,
            event,
            error: data.error,
        }))
    }
}
