use std::time::Duration;

use super::shared::Shared;
use crate::{
    Event,
    bus::Delivery,
    db::micros,
    dead_letters::{Death, Parked, bury, park, waits},
};

/// Whether a delivery is handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is, and it is the so manieth try, counted already.
    Handle(Tries),
    /// It waits behind a dead letter of its key, or is one.
    Parked(Parked),
}

/// How often an event was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tries {
    pub(super) attempts: u32,
    first_at: i64,
}

impl Shared {
    /// Parks the event behind an open letter of its key, or counts a try: in one transaction, so that
    /// the letter cannot close in between unseen.
    ///
    /// The first delivery of a bus that counts writes nothing, and waits for nobody who writes.
    pub(super) async fn admit(&self, delivery: &Delivery) -> Result<Admission, sqlx::Error> {
        let now = self.db.now();
        let event = delivery.event();
        let counted = delivery.is_counted();
        let fresh = counted && delivery.attempt() <= 1;
        if fresh && !waits(&self.db, &self.name, event).await? {
            return Ok(Admission::Handle(Tries {
                attempts: 1,
                first_at: now,
            }));
        }
        let mut tx = self.db.begin_write().await?;
        if let Some(parked) = park(&mut tx, now, &self.name, event).await? {
            tx.commit().await?;
            return Ok(Admission::Parked(parked));
        }
        // The first delivery of a bus that counts was not written down, unless a letter that has been
        // closed since was in its way.
        let first = if counted && !fresh { 2 } else { 1 };
        let (attempts, first_at): (i64, i64) = sqlx::query_as(
            "INSERT INTO keep_attempts (consumer, source, id, attempts, first_at, last_at)
             VALUES ($1, $2, $3, $4, $5, $5)
             ON CONFLICT (consumer, source, id)
                DO UPDATE SET attempts = keep_attempts.attempts + 1, last_at = $5
             RETURNING attempts, first_at",
        )
        .bind(&self.name)
        .bind(event.source())
        .bind(event.id())
        .bind(first)
        .bind(now)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Admission::Handle(Tries {
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            first_at,
        }))
    }

    /// The try was none: nothing was sent.
    pub(super) async fn uncount(&self, event: &Event) -> Result<(), sqlx::Error> {
        let uncounted = sqlx::query(
            "UPDATE keep_attempts SET attempts = attempts - 1
             WHERE consumer = $1 AND source = $2 AND id = $3 AND attempts > 0",
        )
        .bind(&self.name)
        .bind(event.source())
        .bind(event.id());
        self.db.execute(uncounted).await.map(drop)
    }

    /// It was handled: duplicates that come later start to count anew.
    pub(super) async fn forget(&self, event: &Event) -> Result<(), sqlx::Error> {
        let forgotten = sqlx::query(
            "DELETE FROM keep_attempts WHERE consumer = $1 AND source = $2 AND id = $3",
        )
        .bind(&self.name)
        .bind(event.source())
        .bind(event.id());
        self.db.execute(forgotten).await.map(drop)
    }

    /// Makes a dead letter of it; false if it was handled meanwhile, or is one.
    pub(super) async fn bury(
        &self,
        event: &Event,
        tries: Tries,
        reason: &str,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let death = Death {
            reason,
            attempts: tries.attempts,
            first_at: tries.first_at,
        };
        let buried = bury(&mut tx, self.db.now(), &self.name, event, &death).await?;
        tx.commit().await?;
        Ok(buried)
    }

    /// Forgets at most `limit` counts that nobody has touched for `age`.
    pub(super) async fn purge_attempts(
        &self,
        age: Duration,
        limit: u32,
    ) -> Result<u64, sqlx::Error> {
        let deleted = sqlx::query(
            "DELETE FROM keep_attempts WHERE consumer = $1 AND (source, id) IN (
                SELECT source, id FROM keep_attempts WHERE consumer = $1 AND last_at < $2
                ORDER BY last_at LIMIT $3)",
        )
        .bind(&self.name)
        .bind(self.db.now().saturating_sub(micros(age)))
        .bind(i64::from(limit))
        .execute(self.db.pool())
        .await?;
        Ok(deleted.rows_affected())
    }
}
