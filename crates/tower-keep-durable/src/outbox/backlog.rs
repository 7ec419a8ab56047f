use std::time::Duration;

use super::Outbox;

/// What waits to be published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many events wait, whatever for.
    pub unsent: u64,
    /// How long the oldest of them has waited; zero if none waits.
    pub oldest: Duration,
    /// How many of them the bus has refused: each holds up its key until an operator acts.
    pub refused: u64,
}

impl Outbox {
    /// What waits now. The relay reports it as the gauges `tower_keep_outbox_events{state}` and
    /// `tower_keep_outbox_oldest_seconds` every 5 s.
    ///
    /// # Errors
    /// The database fails.
    pub async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let now = self.db.now();
        let (unsent, oldest, refused): (i64, i64, i64) = sqlx::query_as(
            "SELECT COUNT(*), COALESCE(MIN(created_at), $1), COUNT(refused)
             FROM keep_outbox WHERE sent_at IS NULL",
        )
        .bind(now)
        .fetch_one(self.db.pool())
        .await?;
        Ok(Backlog {
            unsent: unsent.unsigned_abs(),
            oldest: Duration::from_micros(u64::try_from(now - oldest).unwrap_or_default()),
            refused: refused.unsigned_abs(),
        })
    }
}
