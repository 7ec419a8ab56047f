use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Db,
    db::{Schema, micros, place},
};

/// The table behind it, which every database here has.
pub(crate) const SCHEMA: Schema = Schema::new(
    "keep_leases",
    &[&["CREATE TABLE keep_leases (
            name TEXT PRIMARY KEY, owner TEXT NOT NULL, leased_until BIGINT NOT NULL)"]],
);

/// The right to be the only one of a database that does something, for a while and again.
///
/// It saves work that several would do at once; what must be right does not rest on it, since a
/// process that was paused may go on after another has taken over.
#[derive(Debug)]
pub(crate) struct Lease {
    name: String,
    owner: String,
    length: Duration,
    /// Until when it need not be renewed. Relaxed: nothing else is told by it.
    fresh_until: AtomicI64,
}

impl Lease {
    pub(crate) fn new(name: impl Into<String>, length: Duration) -> Self {
        Self {
            name: name.into(),
            owner: Uuid::now_v7().to_string(),
            length,
            fresh_until: AtomicI64::new(i64::MIN),
        }
    }

    /// Takes or keeps the lease; false while another has it. It is renewed in the second half of its
    /// time, so that asking often costs nothing.
    pub(crate) async fn hold(&self, db: &Db) -> Result<bool, sqlx::Error> {
        let (now, fresh_until) = (db.now(), self.fresh_until.load(Ordering::Relaxed));
        if now < fresh_until {
            return Ok(true);
        }
        let held = sqlx::query(
            "INSERT INTO keep_leases (name, owner, leased_until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET owner = $2, leased_until = $3
             WHERE keep_leases.owner = $2 OR keep_leases.leased_until <= $4",
        )
        .bind(&self.name)
        .bind(&self.owner)
        .bind(now.saturating_add(micros(self.length)))
        .bind(now)
        .execute(db.pool())
        .await?;
        let held = held.rows_affected() == 1;
        if held {
            if fresh_until == i64::MIN {
                place("after a lease is taken");
            }
            let half = micros(self.length) / 2;
            self.fresh_until
                .store(now.saturating_add(half), Ordering::Relaxed);
        }
        Ok(held)
    }

    /// Gives it back, so that the next need not wait for its end.
    pub(crate) async fn release(&self, db: &Db) -> Result<(), sqlx::Error> {
        self.fresh_until.store(i64::MIN, Ordering::Relaxed);
        let released =
            sqlx::query("UPDATE keep_leases SET leased_until = 0 WHERE name = $1 AND owner = $2")
                .bind(&self.name)
                .bind(&self.owner);
        db.execute(released).await.map(drop)
    }
}
