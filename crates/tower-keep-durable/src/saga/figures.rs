use std::time::Duration;

use sqlx::{AssertSqlSafe, Row as _};

use super::{SagaError, Status, Worker};
use crate::{db::micros, observe};

/// How the sagas of a database stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// How many are running.
    pub running: i64,
    /// How many are being undone.
    pub compensating: i64,
    /// How many wait for a person. An alert.
    pub parked: i64,
    /// How old the oldest is that has not ended and is not parked.
    pub oldest: Duration,
    /// How many should have got on and did not: nothing was logged for three times the longest wait.
    /// An alert.
    pub not_progressing: i64,
    /// How many have a plan that this worker does not know. An alert where no other worker does.
    pub unknown_plan: i64,
}

impl Worker {
    /// How the sagas of the database stand. A worker that runs looks every ten seconds and sets the
    /// gauges `tower_keep_sagas{status}`, `tower_keep_saga_oldest_seconds`,
    /// `tower_keep_sagas_not_progressing` and `tower_keep_sagas_unknown_plan`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn measure(&self) -> Result<Figures, SagaError> {
        let now = self.sagas.db.now();
        let silence = self.registry.longest_silence().saturating_mul(3);
        let known = self.registry.condition(2);
        let sql = format!(
            "SELECT status, COUNT(*) AS number, MIN(created_at) AS oldest,
                 CAST(SUM(CASE WHEN logged_at < $1 THEN 1 ELSE 0 END) AS BIGINT) AS silent,
                 CAST(SUM(CASE WHEN {known} THEN 0 ELSE 1 END) AS BIGINT) AS unknown
             FROM keep_sagas WHERE status IN ('running', 'compensating', 'parked')
             GROUP BY status"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(now.saturating_sub(micros(silence)));
        let rows = self.registry.bind(query).fetch_all(self.sagas.db.pool());
        let mut figures = Figures::default();
        for row in rows.await? {
            let number = row.try_get("number")?;
            match Status::parse(row.try_get("status")?) {
                Some(Status::Running) => figures.running = number,
                Some(Status::Compensating) => figures.compensating = number,
                _ => {
                    figures.parked = number;
                    continue;
                }
            }
            let age = now.saturating_sub(row.try_get("oldest")?);
            let age = Duration::from_micros(u64::try_from(age).unwrap_or_default());
            figures.oldest = figures.oldest.max(age);
            figures.not_progressing += row.try_get::<i64, _>("silent")?;
            figures.unknown_plan += row.try_get::<i64, _>("unknown")?;
        }
        observe::sagas(&figures);
        Ok(figures)
    }
}
