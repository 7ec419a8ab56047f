use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use crate::Db;

/// How often one who waits looks for himself, since another process may be the one that projects.
const LOOK: Duration = Duration::from_millis(20);

/// How many events behind are counted one by one.
const COUNTED: i64 = 10_000;

/// How far a view is. Clones are the same.
#[derive(Debug, Clone)]
pub struct ReadModel {
    db: Db,
    name: &'static str,
    pub(super) wake: Arc<Notify>,
    pub(super) advanced: Arc<Notify>,
}

/// How far a view is behind the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// How many events it has not seen, of types that it does not want as well; counted up to 10 000.
    pub events: u64,
    /// For how long the oldest of them has been there.
    pub time: Duration,
}

impl ReadModel {
    /// The view of this name in this database, whoever projects it. A
    /// [`Runner`](super::Runner::model) in the same process has one that wakes it.
    #[must_use]
    pub fn new(db: &Db, name: &'static str) -> Self {
        Self {
            db: db.clone(),
            name,
            wake: Arc::default(),
            advanced: Arc::default(),
        }
    }

    /// The position up to which the view has seen the log; 0 if there is no view.
    ///
    /// # Errors
    /// The database fails.
    pub async fn position(&self) -> Result<i64, sqlx::Error> {
        let live: Option<(i64,)> =
            sqlx::query_as("SELECT position FROM keep_projections WHERE name = $1 AND live = 1")
                .bind(self.name)
                .fetch_optional(self.db.pool())
                .await?;
        Ok(live.map_or(0, |(position,)| position))
    }

    /// Waits until the view has seen this position of an [append](crate::event_store::Appended), so
    /// that who has written reads it; false if that takes longer.
    ///
    /// HTTP answers 202 with `Retry-After` then.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wait_for(&self, position: i64, timeout: Duration) -> Result<bool, sqlx::Error> {
        let until = Instant::now() + timeout;
        loop {
            // Asked for before the look, so that nothing in between is missed.
            let advanced = self.advanced.notified();
            if self.position().await? >= position {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            self.wake.notify_one();
            select! {
                () = advanced => {}
                () = sleep(LOOK) => {}
                () = sleep_until(until) => {}
            }
        }
    }

    /// How far the view is behind.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lag(&self) -> Result<Lag, sqlx::Error> {
        let position = self.position().await?;
        let (events, oldest): (i64, Option<i64>) = sqlx::query_as(
            "SELECT COUNT(*), CAST(MIN(recorded_at) AS BIGINT) FROM (
                SELECT recorded_at FROM keep_events WHERE position > $1
                ORDER BY position LIMIT $2) behind",
        )
        .bind(position)
        .bind(COUNTED)
        .fetch_one(self.db.pool())
        .await?;
        let time = oldest.map_or(0, |oldest| self.db.now().saturating_sub(oldest));
        Ok(Lag {
            events: events.unsigned_abs(),
            time: Duration::from_micros(u64::try_from(time).unwrap_or_default()),
        })
    }
}
