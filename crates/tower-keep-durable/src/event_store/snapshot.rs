use serde::{Serialize, de::DeserializeOwned};
use sqlx::AnyConnection;

use super::{EventStore, StoreError};
use crate::Tx;

impl EventStore {
    /// Keeps the state that a stream has at this version, to be read from there on. `shape` is the
    /// version of the state's type: another shape is another snapshot, and an older one of the same
    /// shape does not replace a newer.
    ///
    /// # Errors
    /// The database fails.
    ///
    /// # Panics
    /// The state does not serialize to JSON.
    pub async fn save_snapshot(
        &self,
        tx: &mut Tx,
        stream: &str,
        shape: i64,
        version: i64,
        state: &impl Serialize,
    ) -> Result<(), StoreError> {
        let state = serde_json::to_string(state).expect("a state is plain data");
        sqlx::query(
            "INSERT INTO keep_snapshots (stream, shape, version, state) VALUES ($1, $2, $3, $4)
             ON CONFLICT (stream, shape) DO UPDATE SET version = $3, state = $4
             WHERE keep_snapshots.version < $3",
        )
        .bind(stream)
        .bind(shape)
        .bind(version)
        .bind(state)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The newest state of this shape that was kept, with its version. One that cannot be read is
    /// none: the events are what counts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn snapshot<S: DeserializeOwned>(
        &self,
        connection: &mut AnyConnection,
        stream: &str,
        shape: i64,
    ) -> Result<Option<(S, i64)>, StoreError> {
        let kept: Option<(String, i64)> = sqlx::query_as(
            "SELECT state, version FROM keep_snapshots WHERE stream = $1 AND shape = $2",
        )
        .bind(stream)
        .bind(shape)
        .fetch_optional(connection)
        .await?;
        Ok(kept.and_then(|(state, version)| Some((serde_json::from_str(&state).ok()?, version))))
    }

    /// Removes up to `limit` snapshots of other shapes than this, and says how many: those of
    /// releases that no longer run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn discard_snapshots(&self, keep: i64, limit: u32) -> Result<u64, StoreError> {
        let discarded = sqlx::query(
            "DELETE FROM keep_snapshots WHERE (stream, shape) IN (
                SELECT stream, shape FROM keep_snapshots WHERE shape <> $1 LIMIT $2)",
        )
        .bind(keep)
        .bind(i64::from(limit))
        .execute(self.db.pool())
        .await?;
        Ok(discarded.rows_affected())
    }
}
