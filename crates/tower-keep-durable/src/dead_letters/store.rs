use sqlx::{Any, any::AnyArguments, query::QueryAs};

use crate::{Db, Event, Tx, inbox};

/// What an event is kept in order with.
pub(crate) fn lane_of(event: &Event) -> String {
    match event.key() {
        Some(key) => format!("k:{key}"),
        None => format!("e:{} {}", event.source(), event.id()),
    }
}

/// What an event did in the end.
pub(crate) struct Death<'a> {
    pub(crate) reason: &'a str,
    pub(crate) attempts: u32,
    pub(crate) first_at: i64,
}

/// Whether the event is a letter, or would be parked behind one.
pub(crate) async fn waits(db: &Db, consumer: &str, event: &Event) -> Result<bool, sqlx::Error> {
    let found = letter(consumer, event, &lane_of(event))
        .fetch_optional(db.pool())
        .await?;
    Ok(found.is_some())
}

/// The event as a letter, or an open one of its lane.
fn letter<'q>(
    consumer: &'q str,
    event: &'q Event,
    lane: &'q str,
) -> QueryAs<'q, Any, (i64,), AnyArguments> {
    sqlx::query_as(
        "SELECT id FROM keep_letters WHERE consumer = $1 AND (
            (source = $2 AND event_id = $3)
            OR (lane = $4 AND state IN ('dead', 'released', 'parked'))) LIMIT 1",
    )
    .bind(consumer)
    .bind(event.source())
    .bind(event.id())
    .bind(lane)
}

/// Parks the event if an open letter of its lane is there; true also if it is a letter itself, open
/// or closed. Either way the bus may forget it.
pub(crate) async fn park(
    tx: &mut Tx,
    now: i64,
    consumer: &str,
    event: &Event,
) -> Result<Option<Parked>, sqlx::Error> {
    let lane = lane_of(event);
    let found = letter(consumer, event, &lane)
        .fetch_optional(&mut **tx)
        .await?;
    if found.is_none() {
        return Ok(None);
    }
    let death = Death {
        reason: "an earlier event of its key is a dead letter",
        attempts: 0,
        first_at: now,
    };
    Ok(Some(
        if insert(tx, now, consumer, event, "parked", &death).await? {
            Parked::Now
        } else {
            Parked::Before
        },
    ))
}

/// How an event came to be a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    /// Just now, behind an open one.
    Now,
    /// It has been one before.
    Before,
}

/// Makes the event a dead letter, unless it has been handled meanwhile; whether it is new as one.
pub(crate) async fn bury(
    tx: &mut Tx,
    now: i64,
    consumer: &str,
    event: &Event,
    death: &Death<'_>,
) -> Result<bool, sqlx::Error> {
    // Another member of the group may have had it too, and more luck.
    if inbox::knows(tx, consumer, event).await? {
        return Ok(false);
    }
    insert(tx, now, consumer, event, "dead", death).await
}

async fn insert(
    tx: &mut Tx,
    now: i64,
    consumer: &str,
    event: &Event,
    state: &str,
    death: &Death<'_>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "INSERT INTO keep_letters (consumer, lane, source, event_id, key, body, state, reason,
            attempts, tries, first_at, last_at, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, 0)
         ON CONFLICT DO NOTHING",
    )
    .bind(consumer)
    .bind(lane_of(event))
    .bind(event.source())
    .bind(event.id())
    .bind(event.key())
    .bind(event.to_json())
    .bind(state)
    .bind(death.reason)
    .bind(i64::from(death.attempts))
    .bind(death.first_at)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
