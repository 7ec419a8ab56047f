use std::time::Duration;

use super::{Answer, Key, KeyError, Keys, row};
use crate::{Tx, db::micros};

/// What a cancellation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// Nothing was done, and nothing will be: the key has a tombstone.
    Nothing,
    /// This was done: undo it, in this transaction. Only the first cancellation is told so.
    Undo(Answer),
    /// This was done, and undone before: answer as then.
    Undone(Answer),
    /// Work on this subject was begun and never finished, and will not go on: undo what is there of
    /// it, in this transaction. Only the first cancellation is told so.
    Abandoned(String),
}

impl Keys {
    /// Cancels a request, whether it came already, comes later or was lost. It is never executed
    /// after this commits.
    ///
    /// Without a row for what never came, a request that was only slow would be executed after its
    /// cancellation and nobody would undo it.
    ///
    /// # Errors
    /// [`KeyError::Running`] while work that outlives its transaction holds its lease: ask again.
    /// [`KeyError::Executed`]: something was done, and what is not known. Or the database fails.
    pub async fn cancel(&self, tx: &mut Tx, key: &Key) -> Result<Cancelled, KeyError> {
        let now = self.clock.now();
        let expires_at = now.saturating_add(micros(self.keep_for));
        loop {
            if bury(tx, key, expires_at).await? {
                return Ok(Cancelled::Nothing);
            }
            let Some(row) = row::read(&mut *tx, key).await? else {
                #[cfg(saga_mutant = "D")]
                return Ok(Cancelled::Nothing);
                #[cfg(not(saga_mutant = "D"))]
                continue;
            };
            let (from, owner) = (row.state.clone(), row.owner.clone());
            let left = row.leased_until.saturating_sub(now);
            let (to, cancelled) = match &*from {
                "running" if left > 0 => {
                    return Err(KeyError::Running {
                        retry_after: Duration::from_micros(left.unsigned_abs()),
                    });
                }
                "running" => ("cancelled", Cancelled::Abandoned(row.subject)),
                "answered" => {
                    let answer = row.answer()?.ok_or(KeyError::Executed)?;
                    ("undone", Cancelled::Undo(answer))
                }
                "rejected" => ("cancelled", Cancelled::Nothing),
                "undone" => {
                    let answer = row.answer()?.ok_or(KeyError::Executed)?;
                    return Ok(Cancelled::Undone(answer));
                }
                _ => return Ok(Cancelled::Nothing),
            };
            // Another may have ended or cancelled it since it was read.
            let changed = sqlx::query(
                "UPDATE keep_idempotency SET state = $1, expires_at = $2
                 WHERE scope = $3 AND id = $4 AND owner = $5 AND state = $6",
            )
            .bind(to)
            .bind(expires_at)
            .bind(&key.scope)
            .bind(&key.id)
            .bind(owner)
            .bind(from)
            .execute(&mut **tx)
            .await?;
            if changed.rows_affected() == 1 {
                return Ok(cancelled);
            }
        }
    }
}

/// Leaves a tombstone where nothing is.
async fn bury(tx: &mut Tx, key: &Key, expires_at: i64) -> Result<bool, sqlx::Error> {
    if cfg!(saga_mutant = "D") {
        return Ok(false);
    }
    let buried = sqlx::query(
        "INSERT INTO keep_idempotency
            (scope, id, state, subject, owner, leased_until, expires_at)
         VALUES ($1, $2, 'cancelled', '', '', 0, $3) ON CONFLICT DO NOTHING",
    )
    .bind(&key.scope)
    .bind(&key.id)
    .bind(expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(buried.rows_affected() == 1)
}
