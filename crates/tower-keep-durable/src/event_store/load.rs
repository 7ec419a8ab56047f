use sqlx::AnyConnection;

use super::{EventStore, Recorded, StoreError, ceiling, recorded::Raw};

impl EventStore {
    /// Up to `limit` events of the stream after this version, in order. Fewer mean that there are no
    /// more.
    ///
    /// # Errors
    /// An event cannot be read, or the database fails.
    pub async fn load(
        &self,
        connection: &mut AnyConnection,
        stream: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Recorded>, StoreError> {
        let rows: Vec<Raw> = sqlx::query_as(
            "SELECT position, stream, version, body, recorded_at FROM keep_events
             WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3",
        )
        .bind(stream)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
        rows.into_iter().map(|raw| self.read(raw)).collect()
    }

    /// Up to `limit` events of all streams after this position, in an order that every reader sees:
    /// that of each stream, and for events of streams that do not know of each other any. No event
    /// ever appears before one that was read.
    ///
    /// While a transaction that has appended is open, PostgreSQL's readers do not get beyond it.
    ///
    /// # Errors
    /// An event cannot be read, or the database fails.
    pub async fn read_all(&self, after: i64, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        let mut connection = self.db.pool().acquire().await?;
        let ceiling = ceiling::find(&self.db, &mut connection).await?;
        let rows: Vec<Raw> = sqlx::query_as(
            "SELECT position, stream, version, body, recorded_at FROM keep_events
             WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3",
        )
        .bind(after)
        .bind(ceiling)
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter().map(|raw| self.read(raw)).collect()
    }
}
