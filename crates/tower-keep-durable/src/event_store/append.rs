use super::{EventStore, StoreError, ceiling};
use crate::{Event, Tx, outbox};

/// Where a stream must be for an append to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Anywhere: what is appended does not depend on what is there.
    Any,
    /// It must have no events.
    Empty,
    /// Its last event must have this version.
    Version(i64),
}

impl Expected {
    fn allows(self, actual: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Empty => actual == 0,
            Self::Version(version) => actual == version,
        }
    }
}

/// Where a stream is after an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The version of its last event.
    pub version: i64,
    /// The position of the last event of this append; 0 if it appended none. A projection that is
    /// there has seen it.
    pub position: i64,
}

impl EventStore {
    /// Appends the events to the stream, if it is where it is expected to be. They are there once the
    /// transaction has committed. Of two that append to the same place the second waits for the
    /// first's transaction, and then gets the conflict.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], with nothing appended and the transaction still good; or the
    /// database fails.
    pub async fn append(
        &self,
        tx: &mut Tx,
        stream: &str,
        expected: Expected,
        events: &[Event],
    ) -> Result<Appended, StoreError> {
        loop {
            let actual = version(tx, stream).await?;
            if !expected.allows(actual) {
                return Err(conflict(stream, actual));
            }
            if let Some(appended) = self.append_at(tx, stream, actual, events).await? {
                return Ok(appended);
            }
            // Another appended since we looked. Each round someone gets on.
            if expected != Expected::Any {
                let actual = version(tx, stream).await?;
                return Err(conflict(stream, actual));
            }
        }
    }

    /// Appends the events and adds them to the outbox: they are told if and only if they happened.
    ///
    /// # Errors
    /// Those of [`append`](Self::append).
    pub async fn append_and_publish(
        &self,
        tx: &mut Tx,
        stream: &str,
        expected: Expected,
        events: &[Event],
    ) -> Result<Appended, StoreError> {
        let appended = self.append(tx, stream, expected, events).await?;
        for event in events {
            outbox::append(tx, self.db.clock(), event).await?;
        }
        Ok(appended)
    }

    /// Appends behind the event of this version; none if there is another already.
    async fn append_at(
        &self,
        tx: &mut Tx,
        stream: &str,
        mut version: i64,
        events: &[Event],
    ) -> Result<Option<Appended>, StoreError> {
        let mut position = 0;
        if !events.is_empty() {
            ceiling::announce(&self.db, tx).await?;
        }
        for event in events {
            // Only the first can find its place taken: whoever takes a later one must have it first.
            let appended: Option<(i64,)> = sqlx::query_as(
                "INSERT INTO keep_events (stream, version, body, recorded_at)
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING position",
            )
            .bind(stream)
            .bind(version + 1)
            .bind(event.to_json())
            .bind(self.db.now())
            .fetch_optional(&mut **tx)
            .await?;
            match appended {
                Some((at,)) => (position, version) = (at, version + 1),
                None => return Ok(None),
            }
        }
        Ok(Some(Appended { version, position }))
    }
}

async fn version(tx: &mut Tx, stream: &str) -> Result<i64, sqlx::Error> {
    let (version,): (i64,) = sqlx::query_as(
        "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM keep_events WHERE stream = $1",
    )
    .bind(stream)
    .fetch_one(&mut **tx)
    .await?;
    Ok(version)
}

fn conflict(stream: &str, actual: i64) -> StoreError {
    StoreError::Conflict {
        stream: stream.to_owned(),
        actual,
    }
}
