use crate::{Clock, Tx};

/// Another saga has the resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{resource}` is locked by saga `{by}`")]
pub struct Locked {
    /// What.
    pub resource: String,
    /// Who has it.
    pub by: String,
}

/// A lock could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another saga has it.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Locks a resource (`order/7`) for a saga, in the caller's transaction: taken in its first step and
/// given back in its last and in the undo of its first. A saga may lock again what it has.
///
/// A saga has no isolation: others see what it has done so far. A *semantic* lock says that somebody
/// is at it; it holds back those who ask for it, and nobody else. Where the resource has a row of its
/// own in this database, a column `lock_saga_id` in that row, set by `UPDATE .. WHERE lock_saga_id IS
/// NULL`, does the same with one table less, and everybody who reads the row sees it.
///
/// As the error of a step, [`Locked`] is [not sent](super::StepError::NotSent): tried again with
/// backoff until the deadline. To a client it is a 409.
///
/// # Errors
/// Another saga has it; the database fails.
pub async fn lock(
    tx: &mut Tx,
    clock: &Clock,
    resource: &str,
    saga_id: &str,
) -> Result<(), LockError> {
    // The other may give it back between the two statements.
    loop {
        let taken = sqlx::query(
            "INSERT INTO keep_saga_locks (resource, saga_id, at) VALUES ($1, $2, $3)
             ON CONFLICT (resource) DO NOTHING",
        )
        .bind(resource)
        .bind(saga_id)
        .bind(clock.now())
        .execute(&mut **tx)
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(());
        }
        match holder(tx, resource).await? {
            Some(by) if by == saga_id => return Ok(()),
            Some(by) => {
                let resource = resource.to_owned();
                return Err(Locked { resource, by }.into());
            }
            None => {}
        }
    }
}

/// Gives a resource back, if the saga has it.
///
/// # Errors
/// The database fails.
pub async fn unlock(tx: &mut Tx, resource: &str, saga_id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM keep_saga_locks WHERE resource = $1 AND saga_id = $2")
        .bind(resource)
        .bind(saga_id)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// The saga that has a resource.
///
/// # Errors
/// The database fails.
pub async fn holder(tx: &mut Tx, resource: &str) -> Result<Option<String>, sqlx::Error> {
    let found: Option<(String,)> =
        sqlx::query_as("SELECT saga_id FROM keep_saga_locks WHERE resource = $1")
            .bind(resource)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(found.map(|(by,)| by))
}
