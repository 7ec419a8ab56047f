use std::time::Duration;

use super::{SagaError, Sagas};
use crate::db::micros;

impl Sagas {
    /// Deletes sagas that ended longer ago than this, with their logs, `limit` at the most; answers how
    /// many. Nothing else deletes them.
    ///
    /// A saga that is forgotten can be [started](Self::start_as) again under its id, and what
    /// participants have forgotten of its keys too: keep it for longer than they keep those.
    ///
    /// # Errors
    /// The database fails; then none was deleted.
    pub async fn forget(&self, ended_for: Duration, limit: u32) -> Result<usize, SagaError> {
        let before = self.db.now().saturating_sub(micros(ended_for));
        let mut tx = self.db.begin_write().await?;
        let gone: Vec<(String,)> = sqlx::query_as(
            "DELETE FROM keep_sagas WHERE id IN (
                 SELECT id FROM keep_sagas
                 WHERE status IN ('completed', 'compensated', 'abandoned') AND logged_at < $1
                 ORDER BY logged_at LIMIT $2)
             RETURNING id",
        )
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
        for (id,) in &gone {
            sqlx::query("DELETE FROM keep_saga_log WHERE saga_id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(gone.len())
    }
}
