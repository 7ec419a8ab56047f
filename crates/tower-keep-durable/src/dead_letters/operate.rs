use std::sync::Arc;

use sqlx::AnyPool;
use tokio::sync::Notify;

use super::{Depth, Letter, LetterError, LetterFilter, LetterState};
use crate::Db;

/// The letters of one database, for operators. Clones are the same.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    db: Db,
    pub(crate) wake: Arc<Notify>,
}

type Row = (
    i64,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    i64,
    i64,
    i64,
    String,
);

fn read(row: Row) -> Result<Letter, LetterError> {
    let (id, consumer, state, key, reason, note, attempts, first_at, last_at, event) = row;
    Ok(Letter {
        id,
        consumer,
        state: state.parse()?,
        key,
        reason,
        note,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        first_at,
        last_at,
        event,
    })
}

impl DeadLetters {
    /// The letters in `db`, which was opened with [`SCHEMA`](super::SCHEMA). Those of a
    /// [`Consumer`](crate::Consumer::letters) of this process wake it; it finds what others released
    /// at its next poll.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            wake: Arc::new(Notify::new()),
        }
    }

    fn pool(&self) -> &AnyPool {
        self.db.pool()
    }

    /// A page of letters, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self, filter: &LetterFilter) -> Result<Vec<Letter>, LetterError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, consumer, state, key, reason, note, attempts, first_at, last_at, body
             FROM keep_letters
             WHERE id > $1 AND (CAST($2 AS TEXT) IS NULL OR consumer = $2)
               AND (CAST($3 AS TEXT) IS NULL OR state = $3)
               AND (CAST($4 AS TEXT) IS NULL OR key = $4)
             ORDER BY id LIMIT $5",
        )
        .bind(filter.after)
        .bind(filter.consumer.as_deref())
        .bind(filter.state.map(LetterState::as_str))
        .bind(filter.key.as_deref())
        .bind(i64::from(filter.limit))
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(read).collect()
    }

    /// One letter.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn get(&self, id: i64) -> Result<Letter, LetterError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, consumer, state, key, reason, note, attempts, first_at, last_at, body
             FROM keep_letters WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(self.pool())
        .await?;
        read(row.ok_or(LetterError::Unknown(id))?)
    }

    /// Has a dead letter handled again, by the consumer that runs, with all its tries. What is parked
    /// behind it follows once it succeeds.
    ///
    /// # Errors
    /// There is no such letter, it is not dead, or the database fails.
    pub async fn replay(&self, id: i64) -> Result<(), LetterError> {
        let released = sqlx::query(
            "UPDATE keep_letters SET state = 'released', tries = 0, due_at = 0, last_at = $1
             WHERE id = $2 AND state = 'dead'",
        )
        .bind(self.db.now())
        .bind(id)
        .execute(self.pool())
        .await?;
        if released.rows_affected() == 0 {
            let state = self.get(id).await?.state;
            return Err(LetterError::NotDead { id, state });
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Gives an open letter up; what is parked behind it goes on without. `by` and `why` stay with
    /// it. If it is being handled at this moment, that may still succeed.
    ///
    /// # Errors
    /// There is no such letter, it is closed, or the database fails.
    pub async fn discard(&self, id: i64, by: &str, why: &str) -> Result<(), LetterError> {
        let discarded = sqlx::query(
            "UPDATE keep_letters SET state = 'discarded', note = $1, last_at = $2
             WHERE id = $3 AND state IN ('dead', 'released', 'parked')",
        )
        .bind(format!("{by}: {why}"))
        .bind(self.db.now())
        .bind(id)
        .execute(self.pool())
        .await?;
        if discarded.rows_affected() == 0 {
            let state = self.get(id).await?.state;
            return Err(LetterError::Closed { id, state });
        }
        self.wake.notify_one();
        Ok(())
    }

    /// How many letters of this consumer, or of all, are open. A consumer that runs reports its own
    /// every 5 s as the gauges `tower_keep_dead_letters{consumer}`, what waits for an operator, and
    /// `tower_keep_parked_letters{consumer}`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn depth(&self, consumer: Option<&str>) -> Result<Depth, LetterError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT state, COUNT(*) FROM keep_letters
             WHERE state IN ('dead', 'released', 'parked')
               AND (CAST($1 AS TEXT) IS NULL OR consumer = $1)
             GROUP BY state",
        )
        .bind(consumer)
        .fetch_all(self.pool())
        .await?;
        let mut depth = Depth::default();
        for (state, count) in rows {
            let count = count.unsigned_abs();
            match state.parse()? {
                LetterState::Dead => depth.dead = count,
                LetterState::Released => depth.released = count,
                LetterState::Parked => depth.parked = count,
                LetterState::Replayed | LetterState::Discarded => {}
            }
        }
        Ok(depth)
    }
}
