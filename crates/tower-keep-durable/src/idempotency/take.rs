use std::time::Duration;

use tower_keep::idempotency::Fingerprint;
use uuid::Uuid;

use super::{Answer, Key, Keys, Ticket, row};
use crate::{Tx, db::micros};

/// What is under a key.
pub(super) enum Found {
    /// Nothing was; it is taken now.
    Fresh(Ticket),
    /// An execution, with so much left of its lease.
    Running {
        fingerprint: Option<Fingerprint>,
        owner: String,
        subject: String,
        left: Duration,
    },
    /// What came of it.
    Ended {
        fingerprint: Option<Fingerprint>,
        answer: Option<Answer>,
    },
    Cancelled,
}

impl Keys {
    /// Takes a free key, or says what is there.
    pub(super) async fn take(
        &self,
        tx: &mut Tx,
        key: &Key,
        fingerprint: Option<Fingerprint>,
        subject: &str,
        lease: Duration,
    ) -> Result<Found, sqlx::Error> {
        let now = self.clock.now();
        let owner = Uuid::now_v7().to_string();
        loop {
            // PostgreSQL waits here for the transaction of another who takes the same key.
            let taken = sqlx::query(
                "INSERT INTO keep_idempotency
                    (scope, id, fingerprint, state, subject, owner, leased_until, expires_at)
                 VALUES ($1, $2, $3, 'running', $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            )
            .bind(&key.scope)
            .bind(&key.id)
            .bind(fingerprint.map(|fingerprint| fingerprint.to_bytes().to_vec()))
            .bind(subject)
            .bind(&owner)
            .bind(now.saturating_add(micros(lease)))
            .bind(now.saturating_add(micros(self.keep_for)))
            .execute(&mut **tx)
            .await?;
            if taken.rows_affected() == 1 {
                let key = key.clone();
                return Ok(Found::Fresh(Ticket { key, owner }));
            }
            // None: it was purged or released in between.
            let Some(row) = row::read(&mut *tx, key).await? else {
                continue;
            };
            let running = row.state == "running";
            if row.expires_at <= now && !(running && row.leased_until > now) {
                self.forget(tx, key, &row.owner, row.expires_at).await?;
                continue;
            }
            return Ok(match &*row.state {
                "running" => Found::Running {
                    fingerprint: row.fingerprint(),
                    left: Duration::from_micros(
                        u64::try_from(row.leased_until.saturating_sub(now)).unwrap_or_default(),
                    ),
                    owner: row.owner,
                    subject: row.subject,
                },
                "cancelled" | "undone" => Found::Cancelled,
                _ => Found::Ended {
                    fingerprint: row.fingerprint(),
                    answer: row.answer()?,
                },
            });
        }
    }

    /// Takes a key whose lease has run out from its owner; none if another did.
    pub(super) async fn take_over(
        &self,
        tx: &mut Tx,
        key: &Key,
        from: &str,
        lease: Duration,
    ) -> Result<Option<Ticket>, sqlx::Error> {
        let now = self.clock.now();
        let owner = Uuid::now_v7().to_string();
        let taken = sqlx::query(
            "UPDATE keep_idempotency SET owner = $1, leased_until = $2, expires_at = $3
             WHERE scope = $4 AND id = $5 AND owner = $6 AND state = 'running'
                AND leased_until <= $7",
        )
        .bind(&owner)
        .bind(now.saturating_add(micros(lease)))
        .bind(now.saturating_add(micros(self.keep_for)))
        .bind(&key.scope)
        .bind(&key.id)
        .bind(from)
        .bind(now)
        .execute(&mut **tx)
        .await?;
        let key = key.clone();
        Ok((taken.rows_affected() == 1).then_some(Ticket { key, owner }))
    }

    async fn forget(
        &self,
        tx: &mut Tx,
        key: &Key,
        owner: &str,
        expires_at: i64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM keep_idempotency
             WHERE scope = $1 AND id = $2 AND owner = $3 AND expires_at = $4",
        )
        .bind(&key.scope)
        .bind(&key.id)
        .bind(owner)
        .bind(expires_at)
        .execute(&mut **tx)
        .await
        .map(drop)
    }
}
