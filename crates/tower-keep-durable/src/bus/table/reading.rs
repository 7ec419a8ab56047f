use std::collections::VecDeque;

use super::operation::ClaimId;
use crate::{Db, Event, bus::Types};

/// What was read of a partition.
pub(super) struct Read {
    /// What is wanted.
    pub(super) events: VecDeque<(i64, Event)>,
    /// Up to where was read.
    pub(super) end: i64,
    /// There may be more behind it.
    pub(super) full: bool,
    /// What comes next could not be understood.
    pub(super) unreadable: Option<String>,
}

/// Reads what is behind `from`, before which nothing is wanted that the claim has not passed.
pub(super) async fn read(
    db: &Db,
    claim: ClaimId,
    from: i64,
    types: &Types,
    batch: u32,
) -> Result<Read, sqlx::Error> {
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "SELECT position, kind, body FROM keep_bus_events
         WHERE part = $1 AND position > $2 ORDER BY position LIMIT $3",
    )
    .bind(claim.part)
    .bind(from)
    .bind(i64::from(batch.max(1)))
    .fetch_all(db.pool())
    .await?;
    let mut read = Read {
        events: VecDeque::new(),
        end: from,
        full: u32::try_from(rows.len()).is_ok_and(|count| count >= batch),
        unreadable: None,
    };
    for (position, kind, body) in rows {
        if types.contain(&kind) {
            match Event::from_json(&body) {
                Ok(event) => read.events.push_back((position, event)),
                Err(error) => {
                    read.unreadable = Some(format!("position {position}: {error}"));
                    break;
                }
            }
        }
        read.end = position;
    }
    Ok(read)
}
