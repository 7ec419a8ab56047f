use super::Keys;
use crate::Db;

impl Keys {
    /// Removes up to `limit` keys whose time is over, and says how many. To call now and then, until
    /// it is fewer than the limit; what is not removed yet counts as gone all the same.
    ///
    /// # Errors
    /// The database fails.
    pub async fn purge(&self, db: &Db, limit: u32) -> Result<u64, sqlx::Error> {
        let now = self.clock.now();
        let purged = sqlx::query(
            "DELETE FROM keep_idempotency WHERE expires_at <= $1 AND (scope, id) IN (
                SELECT scope, id FROM keep_idempotency
                WHERE expires_at <= $1 AND (state <> 'running' OR leased_until <= $1)
                ORDER BY expires_at LIMIT $2)",
        )
        .bind(now)
        .bind(i64::from(limit))
        .execute(db.pool())
        .await?;
        Ok(purged.rows_affected())
    }
}
