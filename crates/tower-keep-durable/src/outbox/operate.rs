use super::Outbox;

/// An event that the bus refused for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its place in the outbox, by which it is [released](Outbox::release) or
    /// [discarded](Outbox::discard).
    pub position: i64,
    /// The event, as JSON.
    pub event: String,
    /// Its key.
    pub key: Option<String>,
    /// Why it was refused.
    pub reason: String,
    /// How many later events of its key wait behind it.
    pub waiting: u64,
}

/// The operator asked for what is not so.
#[derive(Debug, thiserror::Error)]
pub enum NotSetAside {
    /// There is no refused event at this position (any more).
    #[error("position: no refused event is at {0}; `status` lists those there are")]
    Unknown(i64),
    /// The database fails.
    #[error("the outbox cannot be read or written: {0}")]
    Database(#[from] sqlx::Error),
}

impl Outbox {
    /// The refused events, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_aside(&self, limit: u32) -> Result<Vec<SetAside>, sqlx::Error> {
        let rows: Vec<(i64, String, Option<String>, String, i64)> = sqlx::query_as(
            "SELECT position, body, key, refused,
                (SELECT COUNT(*) FROM keep_outbox AS waiting
                 WHERE waiting.key = head.key AND waiting.sent_at IS NULL
                   AND waiting.position > head.position)
             FROM keep_outbox AS head
             WHERE refused IS NOT NULL AND sent_at IS NULL ORDER BY position LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.db.pool())
        .await?;
        let read = |(position, event, key, reason, waiting): (_, _, _, _, i64)| SetAside {
            position,
            event,
            key,
            reason,
            waiting: waiting.unsigned_abs(),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Publishes the refused event at `position` again, and then what waits behind it: the bus was
    /// set up to take it.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn release(&self, position: i64) -> Result<(), NotSetAside> {
        let released = sqlx::query(
            "UPDATE keep_outbox SET refused = NULL
             WHERE position = $1 AND refused IS NOT NULL AND sent_at IS NULL",
        )
        .bind(position);
        self.acted(position, self.db.execute(released).await?)
    }

    /// Gives the refused event at `position` up; what waits behind it goes on without. `by` and `why`
    /// stay in the row for as long as it is kept.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn discard(&self, position: i64, by: &str, why: &str) -> Result<(), NotSetAside> {
        let discarded = sqlx::query(
            "UPDATE keep_outbox SET sent_at = $1, discarded = $2
             WHERE position = $3 AND refused IS NOT NULL AND sent_at IS NULL",
        )
        .bind(self.db.now())
        .bind(format!("{by}: {why}"))
        .bind(position);
        self.acted(position, self.db.execute(discarded).await?)
    }

    fn acted(&self, position: i64, changed: u64) -> Result<(), NotSetAside> {
        if changed == 0 {
            return Err(NotSetAside::Unknown(position));
        }
        self.wake();
        Ok(())
    }
}
